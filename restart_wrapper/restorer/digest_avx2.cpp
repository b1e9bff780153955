// The AVX2 half of digest_avx2.hpp; the build compiles this file, and only this, with -mavx2.
//
// World: restorer.
#include "restart_wrapper/restorer/digest_avx2.hpp"

namespace stasis::restart {

void update_digest_avx2(XXH3_state_t* state, const void* bytes, std::size_t count) { XXH3_64bits_update(state, bytes, count); }

}  // namespace stasis::restart
