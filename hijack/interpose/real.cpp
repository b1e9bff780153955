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
  // Two threads may do this at the same time: they write the same. Those that are missing come last: the loader allocates to say so, and a malloc that is just
  // starting may open files.
#define HOOK(name) real::name.set(::dlsym(RTLD_NEXT, #name));
#define HOOK_LATE(name)
#include "hijack/interpose/hooks.def"
#undef HOOK
#undef HOOK_LATE
#define HOOK(name)
#define HOOK_LATE(name) real::name.set(::dlsym(RTLD_NEXT, #name));
#include "hijack/interpose/hooks.def"
#undef HOOK
#undef HOOK_LATE
}

}  // namespace stasis::hijack
