// The seccompiler program.

#include "jailer/seccompiler_command.h"

int main(int argc, char** argv) {
  const std::span<const char* const> arguments(argv, static_cast<size_t>(argc));
  return mayfly::SeccompilerCommand(arguments.subspan(1));
}
