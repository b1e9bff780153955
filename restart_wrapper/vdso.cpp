// Redirecting a vdso, see vdso.hpp. Symbols are found by the dynamic section, for the vdso has no section headers that count; the number of symbols
// comes from DT_HASH or, where a kernel builds with --hash-style=gnu, from the chains of DT_GNU_HASH.
// World: programs.
#include "restart_wrapper/vdso.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

namespace stasis::restart {
namespace {

struct Function {
  std::uint64_t value = 0;
  std::uint64_t size = 0;
};

class Elf {
 public:
  explicit Elf(std::string_view bytes) : bytes_(bytes) {}

  // Name -> place of all functions it defines; empty if the bytes make no sense.
  std::map<std::string, Function> functions() {
    Elf64_Ehdr header;
    if (!get(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
    std::uint64_t dynamic = 0;
    for (unsigned i = 0; i != header.e_phnum; ++i) {
      Elf64_Phdr segment;
      if (!get(header.e_phoff + i * sizeof segment, segment)) return {};
      if (segment.p_type == PT_DYNAMIC) dynamic = segment.p_vaddr;
    }
    if (dynamic == 0) return {};
    for (std::uint64_t at = dynamic;; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      if (!get(at, entry)) return {};
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_SYMTAB) symbols_ = entry.d_un.d_ptr;
      if (entry.d_tag == DT_STRTAB) strings_ = entry.d_un.d_ptr;
      if (entry.d_tag == DT_HASH) hash_ = entry.d_un.d_ptr;
      if (entry.d_tag == DT_GNU_HASH) gnu_hash_ = entry.d_un.d_ptr;
    }
    return read_symbols();
  }

 private:
  template <class T>
  bool get(std::uint64_t at, T& value) const {
    if (at > bytes_.size() || sizeof value > bytes_.size() - at) return false;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return true;
  }

  std::uint32_t symbol_count() const {
    std::uint32_t words[4] = {};
    if (hash_ != 0) return get(hash_ + 4, words[0]) ? words[0] : 0;
    if (gnu_hash_ == 0 || !get(gnu_hash_, words)) return 0;  // buckets, first symbol, size of the filter in words, shift
    const std::uint64_t buckets = gnu_hash_ + 16 + std::uint64_t{words[2]} * 8;
    const std::uint64_t chains = buckets + std::uint64_t{words[0]} * 4;
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i != words[0]; ++i) {
      std::uint32_t bucket = 0;
      if (!get(buckets + std::uint64_t{i} * 4, bucket)) return 0;
      last = std::max(last, bucket);
    }
    if (last < words[1]) return words[1];
    for (std::uint32_t hash = 0; get(chains + std::uint64_t{last - words[1]} * 4, hash); ++last)
      if ((hash & 1) != 0) return last + 1;
    return 0;
  }

  std::map<std::string, Function> read_symbols() const {
    std::map<std::string, Function> found;
    const std::uint32_t count = symbol_count();
    for (std::uint32_t i = 0; i != count; ++i) {
      Elf64_Sym symbol;
      if (!get(symbols_ + std::uint64_t{i} * sizeof symbol, symbol)) return {};
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
      const std::uint64_t at = strings_ + symbol.st_name;
      if (at >= bytes_.size() || symbol.st_value >= bytes_.size()) return {};
      found[bytes_.data() + at] = {symbol.st_value, symbol.st_size};
    }
    return found;
  }

  std::string_view bytes_;
  std::uint64_t symbols_ = 0, strings_ = 0, hash_ = 0, gnu_hash_ = 0;
};

std::string jump_to(std::uint64_t target) {
  std::string code = "\x48\xb8";  // movabs $target, %rax
  for (int i = 0; i != 8; ++i) code.push_back(static_cast<char>(target >> (8 * i)));
  return code + "\xff\xe0";  // jmp *%rax
}

}  // namespace

Result<std::string> redirected_vdso(std::string_view old_text, std::string_view live_text, std::uint64_t live_address) {
  const auto old_functions = Elf(old_text).functions();
  const auto live_functions = Elf(live_text).functions();
  if (old_functions.empty()) return error(ErrorCode::restore_failed, "the vdso in the image has no symbols");
  std::string text(old_text);
  for (const auto& [name, function] : old_functions) {
    const auto live = live_functions.find(name);
    const std::string code = live != live_functions.end() ? jump_to(live_address + live->second.value)
                                                          : std::string("\x48\xc7\xc0\xda\xff\xff\xff\xc3");  // mov $-ENOSYS, %rax; ret
    if (function.size < code.size() || function.value + code.size() > text.size())
      return error(ErrorCode::restore_failed, "a function of the vdso in the image is too small for a jump").with(name);
    text.replace(function.value, code.size(), code);
  }
  return text;
}

}  // namespace stasis::restart
