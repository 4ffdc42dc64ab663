// JsonDocument and JsonValue: a JSON text as a tree that knows where in the text everything is.

#ifndef MAYFLY_API_JSON_VALUE_H_
#define MAYFLY_API_JSON_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mayfly {

struct JsonMember;

// A plain value; offsets count the bytes of the document.
struct JsonValue {
  enum class Kind {
    kMissing,  // a syntax error came first
    kNull,
    kBool,
    kUnsigned,  // up to 2^64 - 1
    kNegative,  // down to -2^63
    kFloat,     // whole numbers beyond the two as well
    kString,
    kArray,
    kObject,
  };

  bool is_null() const { return kind == Kind::kNull; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_object() const { return kind == Kind::kObject; }
  bool is_empty_array() const { return kind == Kind::kArray && members.empty(); }

  Kind kind = Kind::kMissing;
  // Of arrays and objects: the end was found before any syntax error. Others are always whole.
  bool is_complete = false;
  bool boolean = false;
  uint64_t number = 0;  // kUnsigned
  int64_t negative = 0;
  double floating = 0;
  std::string text;  // kString, without escapes
  // Elements of an array, whose keys are empty, or members of an object, in their order.
  std::vector<JsonMember> members;
  // Of the first byte, and behind the last one.
  size_t begin = 0;
  size_t end = 0;
};

struct JsonMember {
  std::string key;
  // Behind the closing quote.
  size_t key_end = 0;
  JsonValue value;
};

// Parses with nlohmann-json. Errors have the words and the places that Firecracker's parser,
// serde_json, has for them, for clients show them to their users. Holds at most some 150 bytes for
// each byte of the text, until destroyed.
class JsonDocument {
 public:
  // Deeper nesting is an error.
  static constexpr size_t kMaxDepth = 127;

  // `text` outlives the document. Not valid UTF-8 is an error as well.
  explicit JsonDocument(absl::string_view text);

  // Of a broken text: as far as it goes. serde_json decodes while it parses, so that a wrong type
  // is reported before a syntax error that comes after it.
  const JsonValue& root() const { return root_; }
  // InvalidArgument: "trailing comma at line 1 column 7".
  const absl::Status& status() const { return status_; }

  // "reason at line L column C", C being the number of bytes of line L before `offset`.
  absl::Status ErrorAt(absl::string_view reason, size_t offset) const;
  // `offset`, or the first byte behind it that is not white space.
  size_t SkipSpace(size_t offset) const;
  size_t size() const { return text_.size(); }
  char at(size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }

 private:
  absl::string_view text_;
  JsonValue root_;
  absl::Status status_;
};

}  // namespace mayfly

#endif  // MAYFLY_API_JSON_VALUE_H_
