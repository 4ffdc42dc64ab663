// Builds the tree from the events of nlohmann's parser.

#include "api/json_value.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/json_syntax_error.h"
#include "nlohmann/json.hpp"

namespace mayfly {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Leaves in `position` how far the parser has read.
class CountingIterator {
 public:
  // What std::iterator_traits asks for.
  // NOLINTBEGIN(readability-identifier-naming)
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  // NOLINTEND(readability-identifier-naming)

  CountingIterator(const char* at, const char** position) : at_(at), position_(position) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    *position_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** position_;
};

// The methods' names are those that nlohmann::json::sax_parse calls.
// NOLINTBEGIN(readability-identifier-naming)
class TreeBuilder {
 public:
  using Json = nlohmann::json;

  TreeBuilder(absl::string_view text, JsonValue* root)
      : text_(text), position_(text.data()), root_(root) {}

  const char** position() { return &position_; }
  bool is_complete() const { return context_ == JsonContext::kEnd; }
  JsonSyntaxError Error() const {
    return is_too_deep_
               ? JsonSyntaxError{"recursion limit exceeded", std::min(end_ + 1, text_.size())}
               : FindJsonSyntaxError(text_, end_, context_);
  }

  bool null() {
    Scalar(JsonValue::Kind::kNull);
    return true;
  }
  bool boolean(bool value) {
    Scalar(JsonValue::Kind::kBool).boolean = value;
    return true;
  }
  bool number_integer(Json::number_integer_t value) {
    Number(JsonValue::Kind::kNegative).negative = value;
    return true;
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    Number(JsonValue::Kind::kUnsigned).number = value;
    return true;
  }
  bool number_float(Json::number_float_t value, const Json::string_t& /*text*/) {
    Number(JsonValue::Kind::kFloat).floating = value;
    return true;
  }
  bool string(Json::string_t& value) {
    Scalar(JsonValue::Kind::kString).text = std::move(value);
    return true;
  }
  bool binary(Json::binary_t& /*value*/) { return false; }
  bool start_object(size_t /*size*/) {
    return Open(JsonValue::Kind::kObject, JsonContext::kObjectStart);
  }
  bool start_array(size_t /*size*/) {
    return Open(JsonValue::Kind::kArray, JsonContext::kArrayStart);
  }
  bool key(Json::string_t& name) {
    end_ = Consumed();
    JsonMember& member = open_.back()->members.emplace_back();
    member.key = std::move(name);
    member.key_end = end_;
    context_ = JsonContext::kKey;
    return true;
  }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool parse_error(size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    return false;
  }

 private:
  size_t Consumed() const { return static_cast<size_t>(position_ - text_.data()); }

  // Where the value that follows what was read last begins.
  size_t Begin() const {
    size_t begin = end_;
    while (begin < text_.size() &&
           (IsSpace(text_[begin]) || text_[begin] == ',' || text_[begin] == ':')) {
      ++begin;
    }
    return begin;
  }

  JsonValue& Place() {
    if (open_.empty()) {
      return *root_;
    }
    if (open_.back()->kind == JsonValue::Kind::kArray) {
      open_.back()->members.emplace_back();
    }
    return open_.back()->members.back().value;
  }

  JsonValue& Add(JsonValue::Kind kind, size_t end) {
    JsonValue& value = Place();
    value.kind = kind;
    value.is_complete = true;
    value.begin = Begin();
    value.end = end;
    end_ = end;
    context_ = After();
    return value;
  }

  JsonValue& Scalar(JsonValue::Kind kind) { return Add(kind, Consumed()); }

  // The parser has read one byte further, if there is one, to see that the number ends.
  JsonValue& Number(JsonValue::Kind kind) {
    const auto is_digit = [this](size_t at) {
      return at < text_.size() && text_[at] >= '0' && text_[at] <= '9';
    };
    const size_t first_digit = Begin() + (text_[Begin()] == '-' ? 1 : 0);
    if (text_[first_digit] == '0' && is_digit(first_digit + 1)) {
      return Add(kind, first_digit + 1);
    }
    return Add(kind, is_digit(Consumed() - 1) ? Consumed() : Consumed() - 1);
  }

  bool Open(JsonValue::Kind kind, JsonContext context) {
    if (open_.size() >= JsonDocument::kMaxDepth) {
      is_too_deep_ = true;
      end_ = Begin();
      return false;
    }
    JsonValue& value = Place();
    value.kind = kind;
    value.begin = Begin();
    end_ = Consumed();
    context_ = context;
    open_.push_back(&value);
    return true;
  }

  bool Close() {
    end_ = Consumed();
    open_.back()->is_complete = true;
    open_.back()->end = end_;
    open_.pop_back();
    context_ = After();
    return true;
  }

  JsonContext After() const {
    if (open_.empty()) {
      return JsonContext::kEnd;
    }
    return open_.back()->kind == JsonValue::Kind::kArray ? JsonContext::kArrayElement
                                                         : JsonContext::kObjectMember;
  }

  absl::string_view text_;
  const char* position_;
  JsonValue* root_;
  // Arrays and objects that have not ended; each is the last member of the one before.
  std::vector<JsonValue*> open_;
  JsonContext context_ = JsonContext::kStart;
  size_t end_ = 0;
  bool is_too_deep_ = false;
};
// NOLINTEND(readability-identifier-naming)

}  // namespace

JsonDocument::JsonDocument(absl::string_view text) : text_(text) {
  TreeBuilder builder(text, &root_);
  // nlohmann's parser skips a byte order mark, which JSON has not.
  const bool has_mark = absl::StartsWith(text, "\xef\xbb\xbf");
  const char* const end = text.data() + text.size();
  const bool is_valid =
      !has_mark && nlohmann::json::sax_parse(CountingIterator(text.data(), builder.position()),
                                             CountingIterator(end, builder.position()), &builder);
  // It also takes a NUL for the text's end.
  if (!is_valid || SkipSpace(root_.end) != text.size()) {
    const JsonSyntaxError error = builder.Error();
    status_ = ErrorAt(error.reason, error.offset);
  }
}

absl::Status JsonDocument::ErrorAt(absl::string_view reason, size_t offset) const {
  const absl::string_view before = text_.substr(0, offset);
  const size_t line_start =
      before.rfind('\n') == absl::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  return absl::InvalidArgumentError(
      absl::StrCat(reason, " at line ", line, " column ", before.size() - line_start));
}

size_t JsonDocument::SkipSpace(size_t offset) const {
  while (offset < text_.size() && IsSpace(text_[offset])) {
    ++offset;
  }
  return offset;
}

}  // namespace mayfly
