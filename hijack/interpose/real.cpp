// Finding the functions behind the wrappers, see real.hpp.
// World: hijack.
#include <cstddef>

#include "hijack/interpose/real.hpp"

#include <dlfcn.h>

namespace stasis::hijack {

namespace real {
#define HOOK(name) constinit Real<decltype(::name)> name;
#define HOOK_LATE(name) HOOK(name)
#include "hijack/interpose/hooks.def"
#undef HOOK
#undef HOOK_LATE
}  // namespace real

void resolve_all() noexcept {
  // Two threads may do this at the same time: they write the same.
#define HOOK(name) real::name.set(::dlsym(RTLD_NEXT, #name));
#define HOOK_LATE(name) HOOK(name)
#include "hijack/interpose/hooks.def"
#undef HOOK
#undef HOOK_LATE
}

}  // namespace stasis::hijack
