// Reads one token by the rules of RFC 8259 and stops at the byte that breaks them, with the words
// that serde_json has for it.

#include "api/json_syntax_error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace mayfly {
namespace {

constexpr int kHexDigits = 4;

class TokenReader {
 public:
  TokenReader(absl::string_view text, size_t offset) : text_(text), offset_(offset) {}

  void SkipSpace() {
    while (!is_at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n')) {
      ++offset_;
    }
  }
  bool is_at_end() const { return offset_ >= text_.size(); }
  char peek() const { return is_at_end() ? '\0' : text_[offset_]; }
  void Skip() { ++offset_; }
  bool SkipIf(char wanted) {
    if (is_at_end() || peek() != wanted) {
      return false;
    }
    ++offset_;
    return true;
  }

  // At what was read, and at the byte that follows it.
  JsonSyntaxError Here(absl::string_view reason) const { return {std::string(reason), offset_}; }
  JsonSyntaxError AtNext(absl::string_view reason) const {
    return {std::string(reason), std::min(offset_ + 1, text_.size())};
  }

  JsonSyntaxError Value();
  JsonSyntaxError String();

 private:
  JsonSyntaxError Word(absl::string_view word);
  JsonSyntaxError Number();
  JsonSyntaxError Escape(bool& is_valid);
  JsonSyntaxError Unicode(bool& is_valid);
  // Four hexadecimal digits; -1 when they are not.
  int Hex();

  absl::string_view text_;
  size_t offset_;
};

JsonSyntaxError TokenReader::Word(absl::string_view word) {
  for (const char expected : word) {
    if (is_at_end()) {
      return Here("EOF while parsing a value");
    }
    const char found = peek();
    Skip();
    if (found != expected) {
      return Here("expected ident");
    }
  }
  return AtNext("expected value");
}

JsonSyntaxError TokenReader::Number() {
  SkipIf('-');
  if (is_at_end()) {
    return Here("EOF while parsing a value");
  }
  if (SkipIf('0')) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(peek()))) {
      return AtNext("invalid number");
    }
  } else if (!absl::ascii_isdigit(static_cast<unsigned char>(peek()))) {
    Skip();
    return Here("invalid number");
  }
  const auto skip_digits = [this] {
    while (absl::ascii_isdigit(static_cast<unsigned char>(peek()))) {
      Skip();
    }
  };
  skip_digits();
  if (SkipIf('.')) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(peek()))) {
      return AtNext(is_at_end() ? "EOF while parsing a value" : "invalid number");
    }
    skip_digits();
  }
  if (SkipIf('e') || SkipIf('E')) {
    SkipIf('+') || SkipIf('-');
    if (is_at_end()) {
      return Here("EOF while parsing a value");
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(peek()))) {
      Skip();
      return Here("invalid number");
    }
    skip_digits();
  }
  return Here("number out of range");
}

int TokenReader::Hex() {
  int value = 0;
  bool is_valid = true;
  for (int i = 0; i < kHexDigits; ++i, Skip()) {
    const auto c = static_cast<unsigned char>(peek());
    is_valid = is_valid && absl::ascii_isxdigit(c);
    const int digit = absl::ascii_isdigit(c) ? c - '0' : (absl::ascii_tolower(c) - 'a' + 10);
    value = value * 16 + digit;
  }
  return is_valid ? value : -1;
}

// Behind "\u".
JsonSyntaxError TokenReader::Unicode(bool& is_valid) {
  const auto is_cut = [this] { return text_.size() - offset_ < kHexDigits; };
  const auto cut = [this] {
    offset_ = text_.size();
    return Here("EOF while parsing a string");
  };
  if (is_cut()) {
    return cut();
  }
  const int first = Hex();
  if (first < 0) {
    return Here("invalid escape");
  }
  if (first >= 0xdc00 && first <= 0xdfff) {
    return Here("lone leading surrogate in hex escape");
  }
  if (first >= 0xd800 && first <= 0xdbff) {
    for (const char expected : {'\\', 'u'}) {
      if (is_at_end()) {
        return Here("EOF while parsing a string");
      }
      const char found = peek();
      Skip();
      if (found != expected) {
        return Here("unexpected end of hex escape");
      }
    }
    if (is_cut()) {
      return cut();
    }
    const int second = Hex();
    if (second < 0) {
      return Here("invalid escape");
    }
    if (second < 0xdc00 || second > 0xdfff) {
      return Here("lone leading surrogate in hex escape");
    }
  }
  is_valid = true;
  return {};
}

// Behind the backslash.
JsonSyntaxError TokenReader::Escape(bool& is_valid) {
  if (is_at_end()) {
    return Here("EOF while parsing a string");
  }
  const char kind = peek();
  Skip();
  if (kind == 'u') {
    return Unicode(is_valid);
  }
  is_valid = absl::string_view("\"\\/bfnrt").find(kind) != absl::string_view::npos;
  return Here("invalid escape");
}

JsonSyntaxError TokenReader::String() {
  Skip();
  while (!is_at_end()) {
    const auto byte = static_cast<unsigned char>(peek());
    Skip();
    if (byte == '"') {
      // Nothing but its encoding can be wrong with it.
      return Here("invalid unicode code point");
    }
    if (byte < 0x20) {
      return Here("control character (\\u0000-\\u001F) found while parsing a string");
    }
    if (byte == '\\') {
      bool is_valid = false;
      JsonSyntaxError error = Escape(is_valid);
      if (!is_valid) {
        return error;
      }
    }
  }
  return Here("EOF while parsing a string");
}

JsonSyntaxError TokenReader::Value() {
  switch (peek()) {
    case 'n':
      return Word("null");
    case 't':
      return Word("true");
    case 'f':
      return Word("false");
    case '"':
      return String();
    default:
      if (peek() == '-' || absl::ascii_isdigit(static_cast<unsigned char>(peek()))) {
        return Number();
      }
      return is_at_end() ? Here("EOF while parsing a value") : AtNext("expected value");
  }
}

JsonSyntaxError KeyError(TokenReader& reader) {
  return reader.peek() == '"' ? reader.String() : reader.AtNext("key must be a string");
}

JsonSyntaxError AfterMember(TokenReader& reader) {
  if (reader.is_at_end()) {
    return reader.Here("EOF while parsing an object");
  }
  if (!reader.SkipIf(',')) {
    return reader.AtNext("expected `,` or `}`");
  }
  reader.SkipSpace();
  if (reader.is_at_end()) {
    return reader.Here("EOF while parsing a value");
  }
  return reader.peek() == '}' ? reader.AtNext("trailing comma") : KeyError(reader);
}

JsonSyntaxError AfterElement(TokenReader& reader) {
  if (reader.is_at_end()) {
    return reader.Here("EOF while parsing a list");
  }
  if (!reader.SkipIf(',')) {
    return reader.AtNext("expected `,` or `]`");
  }
  reader.SkipSpace();
  return reader.peek() == ']' ? reader.AtNext("trailing comma") : reader.Value();
}

}  // namespace

JsonSyntaxError FindJsonSyntaxError(absl::string_view text, size_t offset, JsonContext context) {
  TokenReader reader(text, offset);
  const auto is_digit = [&](size_t at) {
    return at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at]));
  };
  if (offset > 0 && is_digit(offset - 1) && is_digit(offset)) {
    // Only a leading zero ends a number in front of a digit.
    return reader.AtNext("invalid number");
  }
  reader.SkipSpace();
  switch (context) {
    case JsonContext::kStart:
      return reader.Value();
    case JsonContext::kObjectStart:
      return reader.is_at_end() ? reader.Here("EOF while parsing an object") : KeyError(reader);
    case JsonContext::kArrayStart:
      return reader.is_at_end() ? reader.Here("EOF while parsing a list") : reader.Value();
    case JsonContext::kKey:
      if (reader.is_at_end()) {
        return reader.Here("EOF while parsing an object");
      }
      if (!reader.SkipIf(':')) {
        return reader.AtNext("expected `:`");
      }
      reader.SkipSpace();
      return reader.Value();
    case JsonContext::kObjectMember:
      return AfterMember(reader);
    case JsonContext::kArrayElement:
      return AfterElement(reader);
    case JsonContext::kEnd:
      break;
  }
  return reader.AtNext("trailing characters");
}

}  // namespace mayfly
