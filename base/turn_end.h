// TurnEnd: a callback at the end of the event loop's turn, once for all that was done in it.

#ifndef MAYFLY_BASE_TURN_END_H_
#define MAYFLY_BASE_TURN_END_H_

#include "absl/functional/any_invocable.h"
#include "base/intrusive_list.h"
#include "base/recurring_callback.h"

namespace mayfly {

class EventLoop;

// The loop's list of those requested.
struct TurnEndTag;

// A member of its owner; loop thread only. For what one batch of completions needs done once, such
// as an interrupt for all of them.
//
//   TurnEnd publish_{loop, [this] { Publish(); }};
//   publish_.Request();  // in the callback of each operation
class TurnEnd : private ListLink<TurnEndTag> {
 public:
  // `loop` outlives every use but the destructor.
  TurnEnd(EventLoop* loop, absl::AnyInvocable<void()> callback);
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;

  // Runs the callback once, after the other callbacks of this turn and before the loop submits and
  // waits. Outside of a turn: at the end of the next. Neither allocates nor calls the kernel.
  void Request();
  void Cancel();

 private:
  friend class EventLoop;
  template <typename T, typename Tag>
  friend class IntrusiveList;

  EventLoop* const loop_;
  RecurringCallback<> callback_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_TURN_END_H_
