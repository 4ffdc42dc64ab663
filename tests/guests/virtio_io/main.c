// The guest that measures virtio devices: runs the workload that the command line names.

#include "tests/guests/virtio_io/machine.h"
#include "tests/guests/virtio_io/workloads.h"

// Called by boot.S.
__attribute__((noreturn)) void Main(uint32_t start_info_address);

void Main(uint32_t start_info_address) {
  MachineInit(start_info_address);
  if (OptionIs("bench", "block")) {
    RunBlock();
  } else if (OptionIs("bench", "tx")) {
    RunTransmit();
  } else if (OptionIs("bench", "rx")) {
    RunReceive();
  } else if (OptionIs("bench", "exits")) {
    RunExits();
  } else {
    Fail("no bench=block|tx|rx|exits on the command line");
  }
  End();
}
