// Encodes AML terms and resource descriptors.

#include "vmm/aml.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_split.h"
#include "base/check.h"

namespace mayfly {
namespace {

// Opcodes and prefixes: ACPI 6.5, 20.3.
constexpr uint8_t kZeroOp = 0x00;
constexpr uint8_t kOneOp = 0x01;
constexpr uint8_t kNameOp = 0x08;
constexpr uint8_t kBytePrefix = 0x0a;
constexpr uint8_t kWordPrefix = 0x0b;
constexpr uint8_t kDwordPrefix = 0x0c;
constexpr uint8_t kStringPrefix = 0x0d;
constexpr uint8_t kQwordPrefix = 0x0e;
constexpr uint8_t kScopeOp = 0x10;
constexpr uint8_t kBufferOp = 0x11;
constexpr uint8_t kPackageOp = 0x12;
constexpr uint8_t kMethodOp = 0x14;
constexpr uint8_t kDualNamePrefix = 0x2e;
constexpr uint8_t kMultiNamePrefix = 0x2f;
constexpr uint8_t kExtendedOpPrefix = 0x5b;
constexpr uint8_t kArg0Op = 0x68;
constexpr uint8_t kDeviceOp = 0x82;  // after kExtendedOpPrefix
constexpr uint8_t kNotifyOp = 0x86;
constexpr uint8_t kEqualOp = 0x93;
constexpr uint8_t kIfOp = 0xa0;

constexpr size_t kNameSegmentBytes = 4;
constexpr uint8_t kMaxArguments = 7;

// Tags of resource descriptors: ACPI 6.5, 6.4.2 and 6.4.3.
constexpr uint8_t kIoTag = 0x47;
constexpr uint8_t kEndTag = 0x79;
constexpr uint8_t kMemory32FixedTag = 0x86;
constexpr uint8_t kExtendedInterruptTag = 0x89;

constexpr uint8_t kIoDecode16 = 1;
constexpr uint8_t kMemoryReadWrite = 1;
constexpr uint8_t kInterruptConsumer = 1 << 0;
constexpr uint8_t kInterruptEdge = 1 << 1;

// PkgLength (20.2.4) of a body of `body_bytes`: it counts itself, so its own size depends on what
// it holds.
std::vector<uint8_t> EncodePackageLength(size_t body_bytes) {
  if (body_bytes + 1 < 0x40) {
    return {static_cast<uint8_t>(body_bytes + 1)};
  }
  size_t following_bytes = 1;
  while (body_bytes + 1 + following_bytes >= size_t{1} << (4 + 8 * following_bytes)) {
    ++following_bytes;
  }
  MAYFLY_CHECK(following_bytes <= 3);
  const size_t length = body_bytes + 1 + following_bytes;
  std::vector<uint8_t> encoded = {static_cast<uint8_t>(following_bytes << 6 | (length & 0xf))};
  for (size_t i = 0; i < following_bytes; ++i) {
    encoded.push_back(static_cast<uint8_t>(length >> (4 + 8 * i)));
  }
  return encoded;
}

uint32_t HexDigit(char c) {
  MAYFLY_CHECK((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
  return static_cast<uint32_t>(c <= '9' ? c - '0' : c - 'A' + 10);
}

}  // namespace

template <typename T>
void AmlBuilder::LittleEndian(T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    Byte(static_cast<uint8_t>(value >> (8 * i)));
  }
}

void AmlBuilder::Path(absl::string_view path) {
  if (!path.empty() && path.front() == '\\') {
    Byte('\\');
    path.remove_prefix(1);
  }
  const std::vector<absl::string_view> segments = absl::StrSplit(path, '.');
  if (segments.size() == 2) {
    Byte(kDualNamePrefix);
  } else if (segments.size() > 2) {
    MAYFLY_CHECK(segments.size() <= UINT8_MAX);
    Byte(kMultiNamePrefix);
    Byte(static_cast<uint8_t>(segments.size()));
  }
  for (absl::string_view segment : segments) {
    MAYFLY_CHECK(!segment.empty() && segment.size() <= kNameSegmentBytes);
    std::string padded(segment);
    padded.resize(kNameSegmentBytes, '_');
    bytes_.insert(bytes_.end(), padded.begin(), padded.end());
  }
}

void AmlBuilder::Enclose(Body body) {
  const size_t start = bytes_.size();
  body();
  const std::vector<uint8_t> length = EncodePackageLength(bytes_.size() - start);
  bytes_.insert(bytes_.begin() + static_cast<ptrdiff_t>(start), length.begin(), length.end());
}

void AmlBuilder::Scope(absl::string_view path, Body body) {
  Byte(kScopeOp);
  Enclose([&] {
    Path(path);
    body();
  });
}

void AmlBuilder::Device(absl::string_view path, Body body) {
  Byte(kExtendedOpPrefix);
  Byte(kDeviceOp);
  Enclose([&] {
    Path(path);
    body();
  });
}

void AmlBuilder::Method(absl::string_view path, uint8_t argument_count, Body body) {
  MAYFLY_CHECK(argument_count <= kMaxArguments);
  Byte(kMethodOp);
  Enclose([&] {
    Path(path);
    Byte(argument_count);  // flags: not serialized
    body();
  });
}

AmlBuilder& AmlBuilder::Name(absl::string_view path) {
  Byte(kNameOp);
  Path(path);
  return *this;
}

void AmlBuilder::Integer(uint64_t value) {
  if (value <= 1) {
    Byte(value == 0 ? kZeroOp : kOneOp);
  } else if (value <= UINT8_MAX) {
    Byte(kBytePrefix);
    LittleEndian(static_cast<uint8_t>(value));
  } else if (value <= UINT16_MAX) {
    Byte(kWordPrefix);
    LittleEndian(static_cast<uint16_t>(value));
  } else if (value <= UINT32_MAX) {
    Byte(kDwordPrefix);
    LittleEndian(static_cast<uint32_t>(value));
  } else {
    Byte(kQwordPrefix);
    LittleEndian(value);
  }
}

void AmlBuilder::String(absl::string_view text) {
  Byte(kStringPrefix);
  for (const char c : text) {
    MAYFLY_CHECK(c > 0);
    Byte(static_cast<uint8_t>(c));
  }
  Byte(0);
}

void AmlBuilder::EisaId(absl::string_view id) {
  MAYFLY_CHECK(id.size() == 7);
  uint32_t code = 0;
  for (const char c : id.substr(0, 3)) {
    MAYFLY_CHECK(c >= 'A' && c <= 'Z');
    code = code << 5 | static_cast<uint32_t>(c - '@');
  }
  for (const char c : id.substr(3)) {
    code = code << 4 | HexDigit(c);
  }
  // Always four bytes, unlike an integer; the first letter comes first in memory.
  Byte(kDwordPrefix);
  LittleEndian(__builtin_bswap32(code));
}

void AmlBuilder::Package(uint8_t count, Body elements) {
  Byte(kPackageOp);
  Enclose([&] {
    Byte(count);
    elements();
  });
}

void AmlBuilder::Argument(uint8_t index) {
  MAYFLY_CHECK(index < kMaxArguments);
  Byte(static_cast<uint8_t>(kArg0Op + index));
}

void AmlBuilder::If(Body condition, Body body) {
  Byte(kIfOp);
  Enclose([&] {
    condition();
    body();
  });
}

void AmlBuilder::Equal(Body left, Body right) {
  Byte(kEqualOp);
  left();
  right();
}

void AmlBuilder::Notify(absl::string_view path, uint64_t value) {
  Byte(kNotifyOp);
  Path(path);
  Integer(value);
}

void AmlBuilder::ResourceTemplate(Body descriptors) {
  Byte(kBufferOp);
  Enclose([&] {
    const size_t start = bytes_.size();
    descriptors();
    Byte(kEndTag);
    Byte(0);  // in place of a checksum: 6.4.2.9
    // The size of the buffer goes before its bytes.
    AmlBuilder size;
    size.Integer(bytes_.size() - start);
    bytes_.insert(bytes_.begin() + static_cast<ptrdiff_t>(start), size.bytes_.begin(),
                  size.bytes_.end());
  });
}

void AmlBuilder::Memory32Fixed(GuestRange range) {
  MAYFLY_CHECK(range.start.value() <= UINT32_MAX && range.size_bytes <= UINT32_MAX);
  Byte(kMemory32FixedTag);
  LittleEndian(uint16_t{9});  // bytes that follow
  Byte(kMemoryReadWrite);
  LittleEndian(static_cast<uint32_t>(range.start.value()));
  LittleEndian(static_cast<uint32_t>(range.size_bytes));
}

void AmlBuilder::Io(uint16_t port, uint8_t count) {
  Byte(kIoTag);
  Byte(kIoDecode16);
  LittleEndian(port);  // lowest start
  LittleEndian(port);  // highest start
  Byte(1);             // alignment
  Byte(count);
}

void AmlBuilder::Interrupt(uint32_t gsi) {
  Byte(kExtendedInterruptTag);
  LittleEndian(uint16_t{6});  // bytes that follow
  Byte(kInterruptConsumer | kInterruptEdge);
  Byte(1);  // one interrupt
  LittleEndian(gsi);
}

}  // namespace mayfly
