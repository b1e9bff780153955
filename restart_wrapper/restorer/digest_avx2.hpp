// XXH3 for the restorer, twice: with what every x86-64 processor has, and with AVX2, which is twice as fast. The plan says which to use.
//
// World: restorer.
#pragma once
#include <cstddef>

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace stasis::restart {

// XXH3_64bits_update compiled for AVX2. The state is the same for both.
void update_digest_avx2(XXH3_state_t* state, const void* bytes, std::size_t count);

}  // namespace stasis::restart
