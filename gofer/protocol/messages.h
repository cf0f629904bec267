// SPDX-License-Identifier: Apache-2.0
// The messages of gofer.proto by name only, for headers; sources include "gofer/protocol/gofer.pb.h".
#pragma once

namespace gofer::wire {

class Attach;
class Attributes;
class Clone;
class Connect;
class Create;
class FilesystemStatus;
class GetXattr;
class Hello;
class Link;
class ListXattr;
class Node;
class Open;
class Operation;
class ReadDirectory;
class ReadLink;
class RemoveXattr;
class Rename;
class Request;
class Response;
class Result;
class SetAttributes;
class SetXattr;
class Stat;
class StatFilesystem;
class Sync;
class Unlink;
class Walk;

}  // namespace gofer::wire
