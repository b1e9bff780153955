// Robust and priority-inheriting mutexes where ids are translated, see mutexes.hpp. For all others the wrappers look at the mutex's kind and jump on.
//
// Locking and unlocking cost so little that even this would be seen: nothing stands before them until ids are translated. Then the slots by which the objects of the program call them are rewritten.
// World: hijack, any thread.
#include "hijack/virt/mutexes.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/registry/id_table.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/threads.hpp"

using namespace stasis::hijack;
namespace sys = stasis::sys;

namespace {

constexpr int kRobust = 16, kInherits = 32, kTypes = 3, kRecursive = 1;  // in __kind (sysdeps/nptl/bits/struct_mutex.h, nptl/pthreadP.h of the C library)
constexpr std::int32_t kTid = FUTEX_TID_MASK;

std::int32_t own_tid() noexcept { return static_cast<std::int32_t>(sys::call(SYS_gettid)); }

bool is_watched(const pthread_mutex_t* mutex) noexcept { return __builtin_expect((__atomic_load_n(&mutex->__data.__kind, __ATOMIC_RELAXED) & (kRobust | kInherits)) != 0, 0); }

// The word names `id` in place of `old`, if it still names that one.
void rename_owner(std::int32_t* word, std::int32_t old, std::int32_t id) noexcept {
  std::int32_t now = __atomic_load_n(word, __ATOMIC_RELAXED);
  while ((now & kTid) == old && !__atomic_compare_exchange_n(word, &now, (now & ~kTid) | id, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) continue;
}

// Whether the number in a word is nobody's id for the kernel, but one from before a restart.
bool is_stale(std::int32_t id) noexcept { return (kernels_id(id) != id && !has_entry(id)) || sys::call(SYS_tkill, id, 0) == -ESRCH; }

// While it lives the C library knows this thread as the kernel does, and so `mutex`, if it is this thread's, names its owner.
class AsKernelKnows {
 public:
  explicit AsKernelKnows(pthread_mutex_t* mutex) noexcept : mutex_(mutex), restarts_(restart_count()) {
    if (!ids_are_virtual() && restarts_ == 0) return;
    const std::int32_t kernels = own_tid(), known = programs_id(kernels);
    std::int32_t* const field = own_id_field();
    if (field == nullptr) return;
    nested_ = known != kernels && __atomic_load_n(field, __ATOMIC_RELAXED) == kernels;  // in a signal handler
    __atomic_store_n(field, kernels, __ATOMIC_RELAXED);
    mend(kernels, known);
    if (owner_word() == kernels && mutex_->__data.__owner == known) mutex_->__data.__owner = kernels;
  }
  AsKernelKnows(const AsKernelKnows&) = delete;

  // The call is over; `has`: the thread has the mutex now. Else that may not be there any more.
  void end(bool has) noexcept {
    const bool restored = restart_count() != restarts_;
    if (!ids_are_virtual() && !restored) return;
    const std::int32_t kernels = own_tid(), known = programs_id(kernels);
    std::int32_t* const field = own_id_field();
    if (field == nullptr) return;
    if (!nested_) __atomic_store_n(field, known, __ATOMIC_RELAXED);
    if (!has) return;
    // What the C library noted with the id that it had read before a restart.
    if (const std::int32_t owner = owner_word(); owner != kernels) rename_owner(&mutex_->__data.__lock, owner, kernels);
    if (mutex_->__data.__owner == kernels || (restored && mutex_->__data.__owner != kInconsistent)) mutex_->__data.__owner = known;
  }

 private:
  static constexpr std::int32_t kInconsistent = 0x7fffffff;  // its owner has died (PTHREAD_MUTEX_INCONSISTENT)

  std::int32_t owner_word() const noexcept { return __atomic_load_n(&mutex_->__data.__lock, __ATOMIC_RELAXED) & kTid; }

  void mend(std::int32_t kernels, std::int32_t known) noexcept {
    const std::int32_t owner = __atomic_load_n(&mutex_->__data.__owner, __ATOMIC_SEQ_CST), word = owner_word();
    if (word == 0 || owner <= 0 || owner == kInconsistent) return;
    if (owner == known) {
      if (word != kernels) rename_owner(&mutex_->__data.__lock, word, kernels);
      return;
    }
    if ((mutex_->__data.__kind & kRobust) != 0) return;  // by its owner
    const std::int32_t right = kernels_id(owner);
    if (word != right && right != stasis::kNobody && is_stale(word)) rename_owner(&mutex_->__data.__lock, word, right);
  }

  pthread_mutex_t* mutex_;
  std::uint64_t restarts_;
  bool nested_ = false;
};

bool locked(int result) noexcept { return result == 0 || result == EOWNERDEAD; }
bool waited(int result) noexcept { return locked(result) || result == ETIMEDOUT; }

// The C library's, or of who else stands in front of it.
struct Found {
  int (*lock)(pthread_mutex_t*);
  int (*trylock)(pthread_mutex_t*);
  int (*unlock)(pthread_mutex_t*);
};
constinit Found found{};

template <class Call>
[[gnu::noinline]] int lock_as_kernel_knows(pthread_mutex_t* mutex, Call call) noexcept {
  AsKernelKnows known(mutex);
  const int result = call();
  known.end(locked(result));
  return result;
}

[[gnu::noinline]] int unlock_as_kernel_knows(pthread_mutex_t* mutex) noexcept {
  AsKernelKnows known(mutex);
  const bool stays = (mutex->__data.__kind & kTypes) == kRecursive && mutex->__data.__count > 1;
  const int result = found.unlock(mutex);
  known.end(result == 0 && stays);
  return result;
}

int lock(pthread_mutex_t* mutex) noexcept {
  if (!is_watched(mutex)) return found.lock(mutex);
  return lock_as_kernel_knows(mutex, [=] { return found.lock(mutex); });
}
int trylock(pthread_mutex_t* mutex) noexcept {
  if (!is_watched(mutex)) return found.trylock(mutex);
  return lock_as_kernel_knows(mutex, [=] { return found.trylock(mutex); });
}
int unlock(pthread_mutex_t* mutex) noexcept { return is_watched(mutex) ? unlock_as_kernel_knows(mutex) : found.unlock(mutex); }

struct Replaced {
  std::string_view name;
  void* theirs;
  void* ours;
};

// Writes to memory that may be read-only by now (RELRO).
void write_slot(int memory, std::uint64_t slot, void* value) noexcept { sys::call(SYS_pwrite64, memory, &value, sizeof value, slot); }

// What an object's table of relocations has of `functions`: slots that hold the C library's, or have not been asked for yet and lead back into the object.
void replace(int memory, const link_map& object, const ElfW(Rela)* first, std::size_t bytes, const ElfW(Sym)* symbols, const char* names, const Replaced (&functions)[3]) noexcept {
  for (const ElfW(Rela)* rela = first; rela != first + bytes / sizeof *rela; ++rela) {
    const auto type = ELF64_R_TYPE(rela->r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
    const ElfW(Sym)& symbol = symbols[ELF64_R_SYM(rela->r_info)];
    if (symbol.st_shndx != SHN_UNDEF) continue;
    const std::string_view name(names + symbol.st_name);
    for (const Replaced& function : functions) {
      if (function.name != name) continue;
      const std::uint64_t slot = object.l_addr + rela->r_offset;
      void* const now = *reinterpret_cast<void* const*>(slot);
      const bool is_lazy = type == R_X86_64_JUMP_SLOT && now != function.ours && reinterpret_cast<std::uint64_t>(now) - object.l_addr < slot - object.l_addr;
      if (now == function.theirs || is_lazy) write_slot(memory, slot, function.ours);
    }
  }
}

// A thread may be cancelled while it waits, and has the mutex again then.
void end_cancelled(void* known) { static_cast<AsKernelKnows*>(known)->end(true); }

template <class Call>
[[gnu::noinline]] int wait_as_kernel_knows(pthread_mutex_t* mutex, Call call) {
  AsKernelKnows known(mutex);
  int result;
  pthread_cleanup_push(end_cancelled, &known);
  result = call();
  pthread_cleanup_pop(0);
  known.end(waited(result));
  return result;
}

}  // namespace

STASIS_EXPORT int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) noexcept {
  if (!is_watched(mutex)) return real::pthread_mutex_timedlock(mutex, until);
  return lock_as_kernel_knows(mutex, [=] { return real::pthread_mutex_timedlock(mutex, until); });
}
STASIS_EXPORT int pthread_mutex_consistent(pthread_mutex_t* mutex) noexcept {
  return lock_as_kernel_knows(mutex, [=] { return real::pthread_mutex_consistent(mutex); });
}

STASIS_EXPORT int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  if (!is_watched(mutex)) return real::pthread_cond_wait(condition, mutex);
  return wait_as_kernel_knows(mutex, [=] { return real::pthread_cond_wait(condition, mutex); });
}

namespace stasis::hijack {

int mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* until) noexcept {
  if (!is_watched(mutex)) return real::pthread_mutex_clocklock(mutex, clock, until);
  return lock_as_kernel_knows(mutex, [=] { return real::pthread_mutex_clocklock(mutex, clock, until); });
}

int cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  if (!is_watched(mutex)) return real::pthread_cond_timedwait(condition, mutex, until);
  return wait_as_kernel_knows(mutex, [=] { return real::pthread_cond_timedwait(condition, mutex, until); });
}

int cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  if (!is_watched(mutex)) return real::pthread_cond_clockwait(condition, mutex, clock, until);
  return wait_as_kernel_knows(mutex, [=] { return real::pthread_cond_clockwait(condition, mutex, clock, until); });
}

void learn_mutexes() noexcept {
  found.lock = reinterpret_cast<decltype(found.lock)>(::dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  found.trylock = reinterpret_cast<decltype(found.trylock)>(::dlsym(RTLD_NEXT, "pthread_mutex_trylock"));
  found.unlock = reinterpret_cast<decltype(found.unlock)>(::dlsym(RTLD_NEXT, "pthread_mutex_unlock"));
}

void stand_before_mutexes() noexcept {
  if (!ids_are_virtual() || found.lock == nullptr) return;
  const OwnedFd memory = open_file("/proc/self/mem", O_RDWR);
  if (!memory.ok()) return;
  const Replaced functions[] = {{"pthread_mutex_lock", reinterpret_cast<void*>(found.lock), reinterpret_cast<void*>(lock)},
                                {"pthread_mutex_trylock", reinterpret_cast<void*>(found.trylock), reinterpret_cast<void*>(trylock)},
                                {"pthread_mutex_unlock", reinterpret_cast<void*>(found.unlock), reinterpret_cast<void*>(unlock)}};
  for (const link_map* object = _r_debug.r_map; object != nullptr; object = object->l_next) {
    const ElfW(Sym)* symbols = nullptr;
    const char* names = nullptr;
    const ElfW(Rela) *bound = nullptr, *lazy = nullptr;
    std::size_t bound_bytes = 0, lazy_bytes = 0;
    for (const ElfW(Dyn)* entry = object->l_ld; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
      switch (entry->d_tag) {
        case DT_SYMTAB: symbols = reinterpret_cast<const ElfW(Sym)*>(entry->d_un.d_ptr); break;
        case DT_STRTAB: names = reinterpret_cast<const char*>(entry->d_un.d_ptr); break;
        case DT_RELA: bound = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr); break;
        case DT_RELASZ: bound_bytes = entry->d_un.d_val; break;
        case DT_JMPREL: lazy = reinterpret_cast<const ElfW(Rela)*>(entry->d_un.d_ptr); break;
        case DT_PLTRELSZ: lazy_bytes = entry->d_un.d_val; break;
        default: break;
      }
    }
    // The tables of the vdso, which has no such slots, are not where it says.
    if (symbols == nullptr || names == nullptr) continue;
    if (lazy != nullptr) replace(memory.get(), *object, lazy, lazy_bytes, symbols, names, functions);
    if (bound != nullptr) replace(memory.get(), *object, bound, bound_bytes, symbols, names, functions);
  }
}

namespace {

// Lists may lead to memory that the program has unmapped: the kernel, too, stops there. Asked by a call that compares and does nothing.
bool is_there(const void* word) noexcept { return sys::call(SYS_futex, word, FUTEX_CMP_REQUEUE, 0, 0, word, 0) != -EFAULT; }

// The address of a word that a futex is waited for by, whose owner the kernel lends the waiter's priority; null if the context is about to do something else.
std::int32_t* awaited_word(const ucontext_t& context) noexcept {
  constexpr int kLockPi2 = 13;  // Linux 5.14
  const auto& registers = context.uc_mcontext.gregs;
  const auto* at = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  if (registers[REG_RAX] != SYS_futex || at[0] != 0x0f || at[1] != 0x05) return nullptr;
  const int operation = static_cast<int>(registers[REG_RSI]) & FUTEX_CMD_MASK;
  if (operation != FUTEX_LOCK_PI && operation != kLockPi2) return nullptr;
  auto* const word = reinterpret_cast<std::int32_t*>(registers[REG_RDI]);
  return is_there(word) ? word : nullptr;
}

}  // namespace

void renew_held(const ThreadState& state) noexcept {
  const std::int32_t kernels = own_tid();
  if (state.tid == kernels) return;
  if (std::int32_t* const field = own_id_field(); field != nullptr && *field == state.tid && state.tid != state.id) *field = kernels;
  constexpr int kMost = 2048;  // ROBUST_LIST_LIMIT
  const auto* const head = reinterpret_cast<const robust_list_head*>(state.robust_head);
  if (head == nullptr || !is_there(head)) return;
  const auto renew = [&](const robust_list* entry) {
    auto* const word = reinterpret_cast<std::int32_t*>(reinterpret_cast<std::uintptr_t>(entry) + static_cast<std::uintptr_t>(head->futex_offset));
    if (is_there(word)) rename_owner(word, state.tid, kernels);
  };
  // The lowest bit says that it inherits priority.
  const auto entry_of = [](const robust_list* told) { return reinterpret_cast<const robust_list*>(reinterpret_cast<std::uintptr_t>(told) & ~std::uintptr_t{1}); };
  const robust_list* entry = entry_of(head->list.next);
  for (int i = 0; i != kMost && entry != &head->list && is_there(entry); ++i) {
    renew(entry);
    entry = entry_of(entry->next);
  }
  if (const robust_list* const pending = entry_of(head->list_op_pending); pending != nullptr) renew(pending);
}

void renew_awaited(const ucontext_t& context) noexcept {
  std::int32_t* const word = awaited_word(context);
  if (word == nullptr) return;
  const std::int32_t owner = __atomic_load_n(word, __ATOMIC_RELAXED) & kTid;
  const Kept& kept = *saved.kept;
  for (std::uint32_t i = 0; i != kept.thread_count; ++i) {
    const ThreadState& state = kept.threads[i];
    if (state.phase.load() != ThreadPhase::parked || state.tid != owner) continue;
    if (const std::int32_t kernels = kernels_id(state.id); kernels != owner && !has_entry(owner)) rename_owner(word, owner, kernels);
    return;
  }
  if (const std::int32_t kernels = kernels_id(owner); kernels != owner && kernels != kNobody && !has_entry(owner)) rename_owner(word, owner, kernels);
}

}  // namespace stasis::hijack
