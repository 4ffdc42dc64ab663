// IntrusiveList: a doubly linked list of objects that carry their own links, so that linking never
// allocates.

#ifndef MAYFLY_BASE_INTRUSIVE_LIST_H_
#define MAYFLY_BASE_INTRUSIVE_LIST_H_

#include "base/check.h"

namespace mayfly {

// One membership in one list. `Tag` tells apart the lists that an object can be in at the same
// time.
template <typename Tag>
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { Unlink(); }

  bool is_linked() const { return next_ != this; }

  // Leaves the list; nothing when in none.
  void Unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = this;
  }

 private:
  template <typename T, typename AnyTag>
  friend class IntrusiveList;

  ListLink* next_ = this;
  ListLink* previous_ = this;
};

// T derives from ListLink<Tag>. The list owns nothing; an object that dies leaves its list. Not
// thread-safe.
template <typename T, typename Tag>
class IntrusiveList {
 public:
  bool empty() const { return !head_.is_linked(); }

  // `object` is in no list of this tag.
  void PushBack(T* object) {
    ListLink<Tag>& link = *object;
    MAYFLY_CHECK(!link.is_linked());
    link.previous_ = head_.previous_;
    link.next_ = &head_;
    head_.previous_->next_ = &link;
    head_.previous_ = &link;
  }

  // Null when empty.
  T* front() { return Object(head_.next_); }

  // Null past the end. `object` is in this list.
  T* Next(T* object) {
    const ListLink<Tag>& link = *object;
    return Object(link.next_);
  }

  // Moves all of `other`, in order, behind what is here.
  void TakeAll(IntrusiveList* other) {
    while (T* object = other->PopFront()) {
      PushBack(object);
    }
  }

  // Null when empty.
  T* PopFront() {
    T* object = front();
    if (object != nullptr) {
      static_cast<ListLink<Tag>*>(object)->Unlink();
    }
    return object;
  }

 private:
  T* Object(ListLink<Tag>* link) { return link == &head_ ? nullptr : static_cast<T*>(link); }

  ListLink<Tag> head_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_INTRUSIVE_LIST_H_
