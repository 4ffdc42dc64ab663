// The registers of the 16550A and their bits.

#ifndef MAYFLY_DEVICES_SERIAL_REGISTERS_H_
#define MAYFLY_DEVICES_SERIAL_REGISTERS_H_

#include <cstdint>

namespace mayfly {

// Register offsets (PC16550D, table II). With LCR's DLAB set, 0 and 1 are the divisor.
inline constexpr uint64_t kSerialData = 0;  // RBR on reads, THR on writes
inline constexpr uint64_t kSerialInterruptEnable = 1;
inline constexpr uint64_t kSerialInterruptId = 2;  // on reads
inline constexpr uint64_t kSerialFifoControl = 2;  // on writes
inline constexpr uint64_t kSerialLineControl = 3;
inline constexpr uint64_t kSerialModemControl = 4;
inline constexpr uint64_t kSerialLineStatus = 5;
inline constexpr uint64_t kSerialModemStatus = 6;
inline constexpr uint64_t kSerialScratch = 7;

// IER; also used to name the causes of an interrupt.
inline constexpr uint8_t kSerialCauseReceived = 0x01;
inline constexpr uint8_t kSerialCauseTransmitEmpty = 0x02;
inline constexpr uint8_t kSerialCauseLineStatus = 0x04;
inline constexpr uint8_t kSerialCauseModemStatus = 0x08;
inline constexpr uint8_t kSerialInterruptEnableMask = 0x0f;

// IIR.
inline constexpr uint8_t kSerialIdNone = 0x01;
inline constexpr uint8_t kSerialIdModemStatus = 0x00;
inline constexpr uint8_t kSerialIdTransmitEmpty = 0x02;
inline constexpr uint8_t kSerialIdReceived = 0x04;
inline constexpr uint8_t kSerialIdLineStatus = 0x06;
inline constexpr uint8_t kSerialIdFifosEnabled = 0xc0;

// FCR.
inline constexpr uint8_t kSerialFifoEnable = 0x01;
inline constexpr uint8_t kSerialFifoClearReceiver = 0x02;
inline constexpr uint8_t kSerialFifoStoredMask = 0xc9;  // enable, DMA mode, trigger level

inline constexpr uint8_t kSerialDivisorSelect = 0x80;  // LCR

// MCR.
inline constexpr uint8_t kSerialModemDtr = 0x01;
inline constexpr uint8_t kSerialModemRts = 0x02;
inline constexpr uint8_t kSerialModemOut1 = 0x04;
inline constexpr uint8_t kSerialModemOut2 = 0x08;
inline constexpr uint8_t kSerialModemLoopback = 0x10;
inline constexpr uint8_t kSerialModemControlMask = 0x1f;

// LSR.
inline constexpr uint8_t kSerialLineDataReady = 0x01;
inline constexpr uint8_t kSerialLineOverrun = 0x02;
inline constexpr uint8_t kSerialLineTransmitterEmpty = 0x60;  // THRE and TEMT

// MSR: four lines, and in the low half which of them changed.
inline constexpr uint8_t kSerialModemCts = 0x10;
inline constexpr uint8_t kSerialModemDsr = 0x20;
inline constexpr uint8_t kSerialModemRing = 0x40;
inline constexpr uint8_t kSerialModemCarrier = 0x80;
inline constexpr uint8_t kSerialDeltaRing = 0x04;
inline constexpr uint8_t kSerialDeltaMask = 0x0f;

// 9600 baud, as PC firmware leaves it.
inline constexpr uint16_t kSerialInitialDivisor = 12;

}  // namespace mayfly

#endif  // MAYFLY_DEVICES_SERIAL_REGISTERS_H_
