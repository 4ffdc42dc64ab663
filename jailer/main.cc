// The mayfly-jailer program: starts the monitor in a jail.

#include <cstddef>
#include <span>

#include "api/product_version.h"
#include "jailer/jailer_command.h"

int main(int argc, char** argv) {
  const std::span<const char* const> arguments(argv, static_cast<size_t>(argc));
  return mayfly::JailerCommand(arguments.subspan(arguments.empty() ? 0 : 1),
                               mayfly::kJailerVersionText);
}
