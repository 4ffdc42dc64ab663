// What of decoding does not depend on the struct.

#include "api/json_decoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/quoted_text.h"

namespace mayfly {
namespace {

using Kind = JsonValue::Kind;

// The shortest text that is read back as the same number, with a point or an exponent in it: the
// latter for what has more than 16 digits before the point or 5 zeros behind it.
std::string FloatText(double value) {
  const double size = std::abs(value);
  const bool is_plain = size == 0 || (size >= 1e-5 && size < 1e16);
  std::array<char, 64> buffer;
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    is_plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), end);
  if (const size_t plus = text.find("e+"); plus != std::string::npos) {
    text.erase(plus + 1, 1);
  }
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string Describe(const JsonValue& value) {
  switch (value.kind) {
    case Kind::kBool:
      return value.boolean ? "boolean `true`" : "boolean `false`";
    case Kind::kUnsigned:
      return absl::StrCat("integer `", value.number, "`");
    case Kind::kNegative:
      return absl::StrCat("integer `", value.negative, "`");
    case Kind::kFloat:
      return absl::StrCat("floating point `", FloatText(value.floating), "`");
    case Kind::kString:
      return absl::StrCat("string ", QuotedText(value.text));
    case Kind::kArray:
      return "sequence";
    case Kind::kObject:
      return "map";
    default:
      return "null";
  }
}

}  // namespace

absl::Status JsonCursor::WrongType(absl::string_view expected) const {
  if (value.kind == Kind::kMissing) {
    return document.status();
  }
  const bool is_container = value.kind == Kind::kArray || value.kind == Kind::kObject;
  return document.ErrorAt(absl::StrCat("invalid type: ", Describe(value), ", expected ", expected),
                          is_container ? value.begin : value.end);
}

absl::Status JsonCursor::CustomError(absl::string_view reason) const {
  // serde_json looks for the end of the object or list before it places such an error.
  const size_t next = document.SkipSpace(value.end);
  const bool is_last = document.at(next) == '}' || document.at(next) == ']';
  return document.ErrorAt(reason, is_last ? next + 1 : next);
}

absl::Status DecodeValue(const JsonCursor& cursor, bool& out) {
  if (cursor.value.kind != Kind::kBool) {
    return cursor.WrongType("a boolean");
  }
  out = cursor.value.boolean;
  return absl::OkStatus();
}

absl::Status DecodeValue(const JsonCursor& cursor, std::string& out) {
  if (cursor.value.kind != Kind::kString) {
    return cursor.WrongType("a string");
  }
  out = cursor.value.text;
  return absl::OkStatus();
}

absl::Status DecodeValue(const JsonCursor& cursor, std::vector<std::string>& out) {
  if (cursor.value.kind != Kind::kArray) {
    return cursor.WrongType("a sequence");
  }
  out.clear();
  for (const JsonMember& element : cursor.value.members) {
    RETURN_IF_ERROR(DecodeValue(cursor.At(element.value), out.emplace_back()));
  }
  return cursor.value.is_complete ? absl::OkStatus() : cursor.document.status();
}

absl::Status DecodeValue(const JsonCursor& cursor, std::map<std::string, std::string>& out) {
  if (cursor.value.kind != Kind::kObject) {
    return cursor.WrongType("a map");
  }
  out.clear();
  for (const JsonMember& member : cursor.value.members) {
    RETURN_IF_ERROR(DecodeValue(cursor.At(member.value), out[member.key]));
  }
  return cursor.value.is_complete ? absl::OkStatus() : cursor.document.status();
}

absl::Status DecodeValue(const JsonCursor& cursor, JsonValue& out) {
  out = cursor.value;
  const bool is_whole = cursor.value.kind != Kind::kMissing && cursor.value.is_complete;
  return is_whole ? absl::OkStatus() : cursor.document.status();
}

absl::Status DecodeNumber(const JsonCursor& cursor, uint64_t max, absl::string_view expected,
                          uint64_t& out) {
  const JsonValue& value = cursor.value;
  if (value.kind != Kind::kUnsigned && value.kind != Kind::kNegative) {
    return cursor.WrongType(expected);
  }
  if (value.kind == Kind::kNegative || value.number > max) {
    return cursor.document.ErrorAt(
        absl::StrCat("invalid value: ", Describe(value), ", expected ", expected), value.end);
  }
  out = value.number;
  return absl::OkStatus();
}

std::string OneOf(const std::vector<std::string>& names) {
  if (names.size() == 1) {
    return absl::StrCat("`", names[0], "`");
  }
  if (names.size() == 2) {
    return absl::StrCat("`", names[0], "` or `", names[1], "`");
  }
  return absl::StrCat("one of `", absl::StrJoin(names, "`, `"), "`");
}

absl::Status UnknownVariant(const JsonCursor& cursor, const std::vector<std::string>& names) {
  const JsonValue& value = cursor.value;
  if (value.kind == Kind::kMissing) {
    return cursor.document.status();
  }
  if (value.kind != Kind::kString) {
    return cursor.document.ErrorAt("expected value",
                                   std::min(value.begin + 1, cursor.document.size()));
  }
  return cursor.document.ErrorAt(
      absl::StrCat("unknown variant `", value.text, "`, expected ", OneOf(names)), value.end);
}

absl::Status DecodeMembers(const JsonCursor& cursor, const JsonFieldList& fields,
                           const std::function<absl::Status(size_t, const JsonCursor&)>& decode) {
  if (!cursor.value.is_object()) {
    return cursor.WrongType(fields.type_name);
  }
  const JsonDocument& document = cursor.document;
  std::vector<bool> seen(fields.names.size());
  for (const JsonMember& member : cursor.value.members) {
    const auto found = std::find(fields.names.begin(), fields.names.end(), member.key);
    const size_t key_end = document.SkipSpace(member.key_end);
    if (found == fields.names.end()) {
      if (fields.unknown == UnknownFields::kDenied) {
        return document.ErrorAt(
            absl::StrCat("unknown field `", member.key, "`, expected ", OneOf(fields.names)),
            key_end);
      }
      continue;
    }
    const auto index = static_cast<size_t>(found - fields.names.begin());
    if (seen[index]) {
      return document.ErrorAt(absl::StrCat("duplicate field `", member.key, "`"), key_end);
    }
    seen[index] = true;
    if (member.value.kind == Kind::kMissing) {
      return document.status();
    }
    RETURN_IF_ERROR(decode(index, cursor.At(member.value)));
  }
  if (!cursor.value.is_complete) {
    return document.status();
  }
  for (size_t index = 0; index < seen.size(); ++index) {
    if (fields.is_required[index] && !seen[index]) {
      return document.ErrorAt(absl::StrCat("missing field `", fields.names[index], "`"),
                              cursor.value.end);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckJson(absl::string_view text) { return JsonDocument(text).status(); }

}  // namespace mayfly
