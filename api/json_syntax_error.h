// Says what is wrong with a JSON text at the place where a parser gave up.

#ifndef MAYFLY_API_JSON_SYNTAX_ERROR_H_
#define MAYFLY_API_JSON_SYNTAX_ERROR_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace mayfly {

// What the parser had read last, which says what may follow.
enum class JsonContext {
  kStart,         // nothing
  kObjectStart,   // {
  kArrayStart,    // [
  kKey,           // an object's key
  kObjectMember,  // an object's value
  kArrayElement,  // an array's element
  kEnd,           // the whole value
};

struct JsonSyntaxError {
  std::string reason;
  // As serde_json places it: behind the byte at fault or before it, depending on the error.
  size_t offset = 0;
};

// `offset` is behind what was read last; what follows there is not valid.
JsonSyntaxError FindJsonSyntaxError(absl::string_view text, size_t offset, JsonContext context);

}  // namespace mayfly

#endif  // MAYFLY_API_JSON_SYNTAX_ERROR_H_
