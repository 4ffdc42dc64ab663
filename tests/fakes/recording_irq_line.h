// RecordingIrqLine: counts the edges of an interrupt line.

#ifndef MAYFLY_TESTS_FAKES_RECORDING_IRQ_LINE_H_
#define MAYFLY_TESTS_FAKES_RECORDING_IRQ_LINE_H_

#include <atomic>

#include "devices/irq_line.h"

namespace mayfly {

// Any thread.
class RecordingIrqLine : public IrqLine {
 public:
  void Trigger() override { ++count_; }

  // Edges since the last call.
  int Take() { return count_.exchange(0); }

 private:
  std::atomic<int> count_{0};
};

}  // namespace mayfly

#endif  // MAYFLY_TESTS_FAKES_RECORDING_IRQ_LINE_H_
