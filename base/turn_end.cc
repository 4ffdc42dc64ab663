// Requests for the end of a turn.

#include "base/turn_end.h"

#include <utility>

#include "base/event_loop.h"

namespace mayfly {

TurnEnd::TurnEnd(EventLoop* loop, absl::AnyInvocable<void()> callback)
    : loop_(loop), callback_(std::move(callback)) {}

void TurnEnd::Request() {
  if (!is_linked()) {
    loop_->turn_ends_.PushBack(this);
  }
}

void TurnEnd::Cancel() { Unlink(); }

}  // namespace mayfly
