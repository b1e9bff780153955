# The four worlds, and the only place where their flags live.
#
# A piece of Stasis runs in one of four worlds (docs/ARCHITECTURE.md): inside the user's process (hijack), in a process whose
# memory is being replaced (restorer), in its own process (programs), or inside Slurm's daemons (SPANK). Each function below
# makes a target of one world. What a world forbids is refused by the linker or by a test under tests/checks, not by review.

set(STASIS_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
if(STASIS_WERROR)
  list(APPEND STASIS_WARNINGS -Werror)
endif()
set(STASIS_PROGRAM_FLAGS ${STASIS_WARNINGS})
set(STASIS_PROGRAM_LINK_FLAGS)
if(STASIS_SANITIZE)
  list(APPEND STASIS_PROGRAM_FLAGS -fsanitize=${STASIS_SANITIZE} -fno-omit-frame-pointer)
  list(APPEND STASIS_PROGRAM_LINK_FLAGS -fsanitize=${STASIS_SANITIZE})
endif()

# Worlds without a C++ runtime: code here may use the header-only parts of C++20 only.
set(STASIS_NORUNTIME_FLAGS ${STASIS_WARNINGS} $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions> $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>
    $<$<COMPILE_LANGUAGE:CXX>:-fno-threadsafe-statics> -U_FORTIFY_SOURCE -O2 -fno-stack-protector)

# World hijack: libstasis.so. Links only libc; no static constructors but the one that starts us; hidden by default.
# -fno-semantic-interposition and -z,now: a wrapper must never be resolved lazily in the middle of a checkpoint.
set(STASIS_HIJACK_FLAGS ${STASIS_NORUNTIME_FLAGS} -fPIC -fvisibility=hidden
    $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden> -ftls-model=initial-exec -Wframe-larger-than=8192)
set(STASIS_HIJACK_LINK_FLAGS -Wl,-z,defs -Wl,-z,now -Wl,-z,nodelete -Wl,-z,noexecstack)

# World restorer: position-independent, no libc, no relocations, no TLS.
set(STASIS_RESTORER_FLAGS ${STASIS_NORUNTIME_FLAGS} -fPIE -ffreestanding -fcf-protection=none -mno-red-zone
    -fno-builtin -fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables -Wframe-larger-than=4096)

# World programs: full C++20.
function(stasis_program_flags target)
  target_compile_options(${target} PRIVATE ${STASIS_PROGRAM_FLAGS})
  target_link_options(${target} PRIVATE ${STASIS_PROGRAM_LINK_FLAGS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()

# World SPANK: C++20 with its runtime linked in statically and hidden, so that nothing of ours reaches Slurm's daemons.
set(STASIS_SPANK_FLAGS ${STASIS_WARNINGS} -fPIC -fvisibility=hidden $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>)
set(STASIS_SPANK_LINK_FLAGS -static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,-z,defs -Wl,-z,now)

# One layout under every prefix: programs find the library, and the plugin finds the programs, relative to themselves.
set(STASIS_LIBRARY_DIR lib/stasis)   # libstasis.so and spank_stasis.so, never in the linker's default path
