// Joins the loop's list.

#include "base/poll_source.h"

#include "base/event_loop.h"

namespace mayfly {

void PollSource::StartPolling() {
  if (!is_linked()) {
    loop_->poll_sources_.PushBack(this);
  }
}

}  // namespace mayfly
