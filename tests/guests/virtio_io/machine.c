// The guest's machine: memory, serial port, command line, reset.

#include "tests/guests/virtio_io/machine.h"

// PC ports: the interrupt controllers, the 16550 of COM1 and the keyboard controller.
static const uint16_t kInterruptMasks[] = {0x21, 0xa1};
static const uint16_t kSerialData = 0x3f8;
static const uint16_t kSerialInterruptEnable = 0x3f9;
static const uint8_t kReceived = 0x01;
static const uint16_t kSerialModemControl = 0x3fc;
static const uint8_t kReady = 0x0b;  // DTR, RTS, OUT2
static const uint16_t kSerialLineStatus = 0x3fd;
static const uint8_t kDataReady = 0x01;
static const uint8_t kTransmitterEmpty = 0x20;
static const uint16_t kKeyboardCommand = 0x64;
static const uint8_t kPulseReset = 0xfe;

// Memory for Allocate(): far above the image, and what a machine of 64 MiB has.
static const uintptr_t kPool = 0x1000000;
static const uintptr_t kPoolEnd = 0x3e00000;

// Of the start info: magic, version, flags, module count (4 bytes each), module list, command line
// (8 bytes each).
static const uint32_t kStartInfoMagic = 0x336ec578;
static const unsigned kCommandLineField = 24;

static uintptr_t pool_next;
static char command_line[2048];

static void WritePort(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port));
}

static uint8_t ReadPort(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
  return value;
}

uint64_t Ticks(void) {
  uint64_t low;
  uint64_t high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return high << 32 | low;
}

void MachineInit(uint32_t start_info_address) {
  pool_next = kPool;
  // A monitor may hold input back until the guest asks for receive interrupts; none shall come.
  WritePort(kInterruptMasks[0], 0xff);
  WritePort(kInterruptMasks[1], 0xff);
  WritePort(kSerialModemControl, kReady);
  WritePort(kSerialInterruptEnable, kReceived);
  const volatile uint8_t* info = (const volatile uint8_t*)(uintptr_t)start_info_address;
  if (*(const volatile uint32_t*)info != kStartInfoMagic) {
    Fail("no PVH start info");
  }
  const char* text = (const char*)*(const volatile uintptr_t*)(info + kCommandLineField);
  for (size_t i = 0; text != NULL && text[i] != 0 && i + 1 < sizeof(command_line); ++i) {
    command_line[i] = text[i];
  }
}

void* Allocate(size_t size_bytes) {
  const uintptr_t start = pool_next;
  if (size_bytes > kPoolEnd - start) {
    Fail("out of memory");
  }
  pool_next = (start + size_bytes + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
  volatile uint64_t* words = (volatile uint64_t*)start;
  for (size_t i = 0; i < (pool_next - start) / sizeof(uint64_t); ++i) {
    words[i] = 0;
  }
  return (void*)start;
}

// The text after `prefix` in the first word of the command line at or after `from` that starts so;
// NULL without one.
static const char* FindWord(const char* from, const char* prefix) {
  for (const char* word = from; *word != 0; ++word) {
    if (word != command_line && word[-1] != ' ') {
      continue;
    }
    size_t length = 0;
    while (prefix[length] != 0 && word[length] == prefix[length]) {
      ++length;
    }
    if (prefix[length] == 0) {
      return word + length;
    }
  }
  return NULL;
}

// The text after "name=".
static const char* FindOption(const char* name) {
  const char* from = command_line;
  while ((from = FindWord(from, name)) != NULL) {
    if (*from == '=') {
      return from + 1;
    }
  }
  return NULL;
}

uint64_t OptionNumber(const char* name, uint64_t fallback) {
  const char* text = FindOption(name);
  if (text == NULL) {
    return fallback;
  }
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text) {
    value = value * 10 + (uint64_t)(*text - '0');
  }
  return value;
}

bool OptionIs(const char* name, const char* value) {
  const char* text = FindOption(name);
  while (text != NULL && *value != 0 && *text == *value) {
    ++text;
    ++value;
  }
  return text != NULL && *value == 0 && (*text == ' ' || *text == 0);
}

static unsigned HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') {
    return (unsigned)(digit - '0');
  }
  digit |= 0x20;
  return digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10 : 16;
}

uint64_t VirtioDeviceAddress(unsigned index) {
  const char* text = command_line;
  for (unsigned i = 0; i <= index; ++i) {
    text = FindWord(text, "virtio_mmio.device=");
    if (text == NULL) {
      return 0;
    }
  }
  while (*text != '@' && *text != ' ' && *text != 0) {
    ++text;
  }
  if (text[0] != '@' || text[1] != '0' || text[2] != 'x') {
    Fail("a virtio_mmio.device without @0xADDRESS");
  }
  uint64_t address = 0;
  for (text += 3; HexDigit(*text) < 16; ++text) {
    address = address << 4 | HexDigit(*text);
  }
  return address;
}

void Print(const char* text) {
  for (; *text != 0; ++text) {
    while ((ReadPort(kSerialLineStatus) & kTransmitterEmpty) == 0) {
    }
    WritePort(kSerialData, (uint8_t)*text);
  }
}

void PrintNumber(const char* name, uint64_t value) {
  char digits[21];
  size_t at = sizeof(digits) - 1;
  digits[at] = 0;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  Print(" ");
  Print(name);
  Print("=");
  Print(&digits[at]);
}

void MeetHost(const char* line) {
  Print(line);
  while ((ReadPort(kSerialLineStatus) & kDataReady) == 0) {
  }
  (void)ReadPort(kSerialData);
}

void Fail(const char* reason) {
  Print("FAILED ");
  Print(reason);
  Print("\n");
  End();
}

void End(void) {
  Print("DONE\n");
  WritePort(kKeyboardCommand, kPulseReset);
  for (;;) {
    __asm__ volatile("pause");
  }
}
