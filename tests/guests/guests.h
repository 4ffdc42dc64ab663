// The machine code of the test guests: tests/guests/NAME.S says what each does.

#ifndef MAYFLY_TESTS_GUESTS_GUESTS_H_
#define MAYFLY_TESTS_GUESTS_GUESTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

// The bytes of tests/guests/NAME.S as mayfly::guests::NAME().
#define MAYFLY_TEST_GUEST(name)                                                    \
  extern "C" const uint8_t guest_##name[];                                         \
  extern "C" const uint8_t guest_##name##_end[];                                   \
  namespace mayfly::guests {                                                       \
  inline std::span<const uint8_t> name() {                                         \
    return {guest_##name, static_cast<size_t>(guest_##name##_end - guest_##name)}; \
  }                                                                                \
  }

MAYFLY_TEST_GUEST(boot_timer)
MAYFLY_TEST_GUEST(count_for_ever)
MAYFLY_TEST_GUEST(dirty_three_pages)
MAYFLY_TEST_GUEST(disk_sector_to_serial)
MAYFLY_TEST_GUEST(irq4_handler)
MAYFLY_TEST_GUEST(mmio_then_hlt)
MAYFLY_TEST_GUEST(port_io_then_hlt)
MAYFLY_TEST_GUEST(power_off)
MAYFLY_TEST_GUEST(second_vcpu_prints)
MAYFLY_TEST_GUEST(serial_hello_then_reset)
MAYFLY_TEST_GUEST(spin)
MAYFLY_TEST_GUEST(triple_fault)

#undef MAYFLY_TEST_GUEST

#endif  // MAYFLY_TESTS_GUESTS_GUESTS_H_
