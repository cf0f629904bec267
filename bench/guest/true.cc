// SPDX-License-Identifier: Apache-2.0
//
// The smallest program to execute.
int main() { return 0; }
