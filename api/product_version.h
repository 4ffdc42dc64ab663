// What the program says of its version.

#ifndef MAYFLY_API_PRODUCT_VERSION_H_
#define MAYFLY_API_PRODUCT_VERSION_H_

namespace mayfly {

// The version of Firecracker whose API is served: clients decide by it what they may ask for.
inline constexpr char kApiVersion[] = "1.17.0";

// Clients take the second word of the first line for the version.
inline constexpr char kVersionText[] = "Firecracker v1.17.0\n\nMayfly v" MAYFLY_VERSION "\n";
// The same of the jailer.
inline constexpr char kJailerVersionText[] = "Jailer v1.17.0\n\nMayfly v" MAYFLY_VERSION "\n";

}  // namespace mayfly

#endif  // MAYFLY_API_PRODUCT_VERSION_H_
