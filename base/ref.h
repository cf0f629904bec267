// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace base {

// Base of objects shared by reference. Starts at one reference, owned by whoever called MakeRef (or AdoptRef).
// Thread-safe. The last Unref deletes the object through its virtual destructor.
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void Ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) const_cast<RefCounted*>(this)->LastReferenceGone();
  }
  // Takes a reference unless the object is already on its way out: for caches that hold plain pointers.
  bool TryRef() const {
    uint32_t n = references_.load(std::memory_order_relaxed);
    while (n != 0) {
      if (references_.compare_exchange_weak(n, n + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }
  // For tests and assertions only: a racy snapshot.
  uint32_t reference_count() const { return references_.load(std::memory_order_relaxed); }

 protected:
  RefCounted() = default;
  virtual ~RefCounted() = default;
  // Gives up a reference like Unref, but leaves it to the caller to end the object when this says true: for chains that
  // must not be taken down by recursion.
  [[nodiscard]] bool DropReference() const { return references_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
  // Called with no references left. Overridden by objects that leave a cache first.
  virtual void LastReferenceGone() { delete this; }

 private:
  mutable std::atomic<uint32_t> references_{1};
};

// An owning reference; may be null.
template <typename T>
class RefPtr {
 public:
  RefPtr() = default;
  RefPtr(std::nullptr_t) {}  // NOLINT
  explicit RefPtr(T* object) : object_(object) {
    if (object_) object_->Ref();
  }
  RefPtr(const RefPtr& other) : RefPtr(other.object_) {}
  RefPtr(RefPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <typename U>
  requires std::is_convertible_v<U*, T*> RefPtr(const RefPtr<U>& other)
      : RefPtr(static_cast<T*>(other.get())) {}  // NOLINT
  template <typename U>
  requires std::is_convertible_v<U*, T*> RefPtr(RefPtr<U>&& other)
  noexcept : object_(other.release()) {}  // NOLINT
  ~RefPtr() {
    if (object_) object_->Unref();
  }
  RefPtr& operator=(RefPtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  // Gives the reference up without dropping it.
  T* release() { return std::exchange(object_, nullptr); }

  static RefPtr Adopt(T* object) {
    RefPtr ref;
    ref.object_ = object;
    return ref;
  }

  friend bool operator==(const RefPtr& a, const RefPtr& b) { return a.object_ == b.object_; }
  friend bool operator==(const RefPtr& a, std::nullptr_t) { return a.object_ == nullptr; }

 private:
  T* object_ = nullptr;
};

// Takes over the reference a raw `new` starts with.
template <typename T>
RefPtr<T> AdoptRef(T* object) {
  return RefPtr<T>::Adopt(object);
}

template <typename T, typename... Args>
RefPtr<T> MakeRef(Args&&... args) {
  return RefPtr<T>::Adopt(new T(std::forward<Args>(args)...));
}

}  // namespace base
