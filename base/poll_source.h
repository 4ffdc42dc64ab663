// PollSource: work that appears in memory, such as in a virtqueue, and that the loop looks for
// itself.

#ifndef MAYFLY_BASE_POLL_SOURCE_H_
#define MAYFLY_BASE_POLL_SOURCE_H_

#include "base/intrusive_list.h"

namespace mayfly {

class EventLoop;

// The loop's list of those that are being polled.
struct PollSourceTag;

// A part of its owner; loop thread only. While the loop is awake, whoever makes the work need not
// wake it, which costs both sides more than the work itself: the loop looks at its sources once a
// turn, asks for wake-ups only before it sleeps, and looks a little longer (SpinWindow) when that
// has paid off lately.
class PollSource : private ListLink<PollSourceTag> {
 public:
  // What a source that has no work waits for, besides work. The most that any of them waits for
  // decides how the loop waits; it learns for each case by itself whether looking pays.
  enum class Waiting {
    kForWork,    // nothing else
    kForDevice,  // hardware that interrupts when it is done
    kForWorker,  // a thread of the kernel's, from which looking would only take time: never done
  };

  PollSource(const PollSource&) = delete;
  PollSource& operator=(const PollSource&) = delete;
  virtual ~PollSource() = default;

 protected:
  // `loop` outlives every use but the destructor.
  explicit PollSource(EventLoop* loop) : loop_(loop) {}

  // From here on the loop polls it, or not any more.
  void StartPolling();
  void StopPolling() { Unlink(); }

 private:
  friend class EventLoop;
  template <typename T, typename Tag>
  friend class IntrusiveList;

  // Whether DoWork has something to do. Called over and over: a load or two.
  virtual bool HasWork() = 0;
  virtual void DoWork() = 0;
  // Asks for a wake-up when work comes. False when it is there already.
  virtual bool RequestWakeup() = 0;
  virtual Waiting waiting() const = 0;

  EventLoop* const loop_;
};

}  // namespace mayfly

#endif  // MAYFLY_BASE_POLL_SOURCE_H_
