// JsonObject: a table that says how a JSON object becomes a plain struct.
//
//   const JsonObject<Point> schema("struct Point", UnknownFields::kDenied,
//                                  {Required("x", &Point::x), Optional("label", &Point::label)});
//   ASSIGN_OR_RETURN(const Point point, DecodeJson(body, schema));
//
// Errors are InvalidArgument, with the words and places of serde_json: "missing field `x` at line 1
// column 2". A member may be bool, an unsigned integer, std::string, std::vector<std::string>,
// std::map<std::string, std::string>, JsonValue, or std::optional of one of them; with a table of
// its own it may be a struct, a list of structs or an enumeration.

#ifndef MAYFLY_API_JSON_DECODER_H_
#define MAYFLY_API_JSON_DECODER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "api/json_value.h"
#include "base/status.h"
#include "nlohmann/json.hpp"

namespace mayfly {

enum class UnknownFields { kDenied, kIgnored };
enum class NameCase { kExact, kIgnored };

// The names of an enumeration's values.
template <typename E>
class JsonEnum {
 public:
  JsonEnum(std::initializer_list<std::pair<std::string, E>> names,
           NameCase name_case = NameCase::kExact)
      : names_(names), name_case_(name_case) {}

  // The first name of the value, which is in the table.
  std::string NameOf(E value) const {
    for (const auto& [name, one] : names_) {
      if (one == value) {
        return name;
      }
    }
    return "";
  }
  std::optional<E> Find(absl::string_view text) const {
    for (const auto& [name, value] : names_) {
      if (name == text ||
          (name_case_ == NameCase::kIgnored && absl::EqualsIgnoreCase(name, text))) {
        return value;
      }
    }
    return std::nullopt;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, value] : names_) {
      all.push_back(name);
    }
    return all;
  }

 private:
  std::vector<std::pair<std::string, E>> names_;
  NameCase name_case_;
};

// The one value that a decoding function is given, and the document it stands in.
struct JsonCursor {
  const JsonDocument& document;
  const JsonValue& value;

  JsonCursor At(const JsonValue& other) const { return {document, other}; }
  // "invalid type: WHAT, expected EXPECTED".
  absl::Status WrongType(absl::string_view expected) const;
  // What a decoder of the value's text says of it.
  absl::Status CustomError(absl::string_view reason) const;
};

absl::Status DecodeValue(const JsonCursor& cursor, bool& out);
absl::Status DecodeValue(const JsonCursor& cursor, std::string& out);
absl::Status DecodeValue(const JsonCursor& cursor, std::vector<std::string>& out);
absl::Status DecodeValue(const JsonCursor& cursor, std::map<std::string, std::string>& out);
absl::Status DecodeValue(const JsonCursor& cursor, JsonValue& out);
// A number up to `max`; `expected` is how the type is called in errors.
absl::Status DecodeNumber(const JsonCursor& cursor, uint64_t max, absl::string_view expected,
                          uint64_t& out);
// The index of the value's text in `names`, which are all there are.
absl::Status UnknownVariant(const JsonCursor& cursor, const std::vector<std::string>& names);
// "`a`", "`a` or `b`", "one of `a`, `b`, `c`".
std::string OneOf(const std::vector<std::string>& names);

inline absl::string_view NumberName(const uint8_t& /*type*/) { return "u8"; }
inline absl::string_view NumberName(const uint16_t& /*type*/) { return "u16"; }
inline absl::string_view NumberName(const uint32_t& /*type*/) { return "u32"; }
inline absl::string_view NumberName(const uint64_t& /*type*/) { return "u64"; }

template <typename N>
concept JsonNumber = std::is_unsigned_v<N> && !std::is_same_v<N, bool>;

template <JsonNumber N>
absl::Status DecodeValue(const JsonCursor& cursor, N& out, absl::string_view expected = "") {
  uint64_t number = 0;
  RETURN_IF_ERROR(DecodeNumber(cursor, std::numeric_limits<N>::max(),
                               expected.empty() ? NumberName(out) : expected, number));
  out = static_cast<N>(number);
  return absl::OkStatus();
}

template <typename T>
T& Unwrap(T& member) {
  return member;
}
template <typename T>
T& Unwrap(std::optional<T>& member) {
  return member ? *member : member.emplace();
}

// One member of a struct; made by the functions below.
template <typename T>
struct JsonField {
  std::string name;
  bool is_required = false;
  std::function<absl::Status(const JsonCursor&, T&)> decode;
};

// Members of an object as an algorithm sees them: what is independent of the struct's type.
struct JsonFieldList {
  std::vector<std::string> names;
  std::vector<bool> is_required;
  UnknownFields unknown = UnknownFields::kDenied;
  std::string type_name;
};
absl::Status DecodeMembers(const JsonCursor& cursor, const JsonFieldList& fields,
                           const std::function<absl::Status(size_t, const JsonCursor&)>& decode);

template <typename T>
class JsonObject {
 public:
  // `type_name` is how errors call it.
  JsonObject(absl::string_view type_name, UnknownFields unknown, std::vector<JsonField<T>> fields)
      : fields_(std::move(fields)) {
    list_.unknown = unknown;
    list_.type_name = std::string(type_name);
    for (const JsonField<T>& field : fields_) {
      list_.names.push_back(field.name);
      list_.is_required.push_back(field.is_required);
    }
  }

  absl::Status Decode(const JsonCursor& cursor, T& out) const {
    return DecodeMembers(cursor, list_, [&](size_t index, const JsonCursor& member) {
      return fields_[index].decode(member, out);
    });
  }

 private:
  std::vector<JsonField<T>> fields_;
  JsonFieldList list_;
};

template <typename T, typename M>
JsonField<T> Required(absl::string_view name, M T::*member) {
  return {std::string(name), true, [member](const JsonCursor& cursor, T& out) {
            return DecodeValue(cursor, Unwrap(out.*member));
          }};
}
// A number that errors call `expected`.
template <typename T, typename M>
JsonField<T> Required(absl::string_view name, M T::*member, const char* expected) {
  return {std::string(name), true, [member, expected](const JsonCursor& cursor, T& out) {
            return DecodeValue(cursor, Unwrap(out.*member), expected);
          }};
}
template <typename T, typename M, typename E>
JsonField<T> Required(absl::string_view name, M T::*member, const JsonEnum<E>& names) {
  return {std::string(name), true,
          [member, &names](const JsonCursor& cursor, T& out) -> absl::Status {
            const std::optional<E> value =
                cursor.value.is_string() ? names.Find(cursor.value.text) : std::nullopt;
            if (!value) {
              return UnknownVariant(cursor, names.names());
            }
            Unwrap(out.*member) = *value;
            return absl::OkStatus();
          }};
}
template <typename T, typename M, typename S>
JsonField<T> Required(absl::string_view name, M T::*member, const JsonObject<S>& schema) {
  return {std::string(name), true, [member, &schema](const JsonCursor& cursor, T& out) {
            return schema.Decode(cursor, Unwrap(out.*member));
          }};
}
template <typename T, typename S>
JsonField<T> RequiredList(absl::string_view name, std::vector<S> T::*member,
                          const JsonObject<S>& schema) {
  return {
      std::string(name), true, [member, &schema](const JsonCursor& cursor, T& out) -> absl::Status {
        if (cursor.value.kind != JsonValue::Kind::kArray) {
          return cursor.WrongType("a sequence");
        }
        for (const JsonMember& element : cursor.value.members) {
          RETURN_IF_ERROR(schema.Decode(cursor.At(element.value), (out.*member).emplace_back()));
        }
        return cursor.value.is_complete ? absl::OkStatus() : cursor.document.status();
      }};
}
// A text that `decode` makes the member of; its error's message is the reason.
template <typename T, typename M>
JsonField<T> RequiredText(absl::string_view name, M T::*member,
                          absl::StatusOr<typename M::value_type> (*decode)(absl::string_view)) {
  return {std::string(name), true,
          [member, decode](const JsonCursor& cursor, T& out) -> absl::Status {
            std::string text;
            RETURN_IF_ERROR(DecodeValue(cursor, text));
            auto decoded = decode(text);
            if (!decoded.ok()) {
              return cursor.CustomError(decoded.status().message());
            }
            out.*member = *std::move(decoded);
            return absl::OkStatus();
          }};
}

// The same for a field that may be left out, or null.
template <typename T>
JsonField<T> MakeOptional(JsonField<T> field) {
  field.is_required = false;
  field.decode = [decode = std::move(field.decode)](const JsonCursor& cursor, T& out) {
    return cursor.value.is_null() ? absl::OkStatus() : decode(cursor, out);
  };
  return field;
}
template <typename T, typename M, typename... Rest>
JsonField<T> Optional(absl::string_view name, M T::*member, const Rest&... rest) {
  return MakeOptional(Required(name, member, rest...));
}
template <typename T, typename S>
JsonField<T> OptionalList(absl::string_view name, std::vector<S> T::*member,
                          const JsonObject<S>& schema) {
  return MakeOptional(RequiredList(name, member, schema));
}
template <typename T, typename M>
JsonField<T> OptionalText(absl::string_view name, M T::*member,
                          absl::StatusOr<typename M::value_type> (*decode)(absl::string_view)) {
  return MakeOptional(RequiredText(name, member, decode));
}

template <typename T>
absl::StatusOr<T> DecodeJson(absl::string_view text, const JsonObject<T>& schema) {
  const JsonDocument document(text);
  T decoded;
  if (document.root().kind != JsonValue::Kind::kMissing) {
    RETURN_IF_ERROR(schema.Decode({document, document.root()}, decoded));
  }
  RETURN_IF_ERROR(document.status());
  return decoded;
}

// Whether it is JSON at all.
absl::Status CheckJson(absl::string_view text);

// For what may be missing in an answer.
template <typename T>
nlohmann::ordered_json JsonOrNull(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace mayfly

#endif  // MAYFLY_API_JSON_DECODER_H_
