// IrqLine: a device's edge-triggered interrupt line.

#ifndef MAYFLY_DEVICES_IRQ_LINE_H_
#define MAYFLY_DEVICES_IRQ_LINE_H_

namespace mayfly {

// Callable from any thread; never blocks. The monitor's own is an irqfd (vmm/irq_fd.h); tests
// record.
class IrqLine {
 public:
  virtual ~IrqLine() = default;

  // One rising edge.
  virtual void Trigger() = 0;
};

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_IRQ_LINE_H_
