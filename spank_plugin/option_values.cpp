// The values of options and of plugstack.conf's arguments, checked.
//
// World: SPANK. Pure functions, shared by the user's command (which refuses) and the node (which checks again).
#include "spank_plugin/option_values.hpp"

#include <charconv>

#include "core/base/duration.hpp"

namespace stasis::spank {
namespace {

Result<std::uint32_t> parse_number(std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size() && number >= least && number <= most) return number;
  Error failure = error(ErrorCode::bad_number, "'");
  failure.detail.append(text.substr(0, 64)).append("' is not from ").append_number(least).append(" to ").append_number(most);
  return failure;
}

}  // namespace

Result<Site> parse_site(int argc, char** argv) {
  Site site;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    constexpr std::string_view kGrace = "grace=";
    if (!argument.starts_with(kGrace)) return error(ErrorCode::usage, argument).with("plugstack.conf: unknown argument");
    const auto seconds = parse_number(argument.substr(kGrace.size()), 1, 65'535);
    if (!seconds) return seconds.error().with("plugstack.conf: grace");
    site.grace_seconds = *seconds;
  }
  return site;
}

Result<std::uint64_t> parse_interval(std::string_view text) {
  STASIS_TRY_VALUE(const std::uint64_t seconds, parse_duration(text));
  return seconds;
}

Result<std::uint32_t> parse_keep(std::string_view text) { return parse_number(text, 1, 1'000'000); }

Result<FixedString<4096>> parse_directory(std::string_view text, std::string_view base) {
  constexpr std::string_view kPatterns = "jAauxN%";
  if (text.empty()) return error(ErrorCode::bad_directory, "it is empty");
  if (base.size() + text.size() > 3'500) return error(ErrorCode::bad_directory, "it is too long");
  for (std::size_t i = 0; i != text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < 0x20) return error(ErrorCode::bad_directory, "it holds a control character");
    if (text[i] != '%') continue;
    if (++i == text.size() || kPatterns.find(text[i]) == std::string_view::npos) {
      return error(ErrorCode::bad_directory, text).with("only %j %A %a %u %x %N %% are known");
    }
  }
  FixedString<4096> absolute;
  if (text.front() != '/') absolute.append(base).append("/");
  absolute.append(text);
  return absolute;
}

}  // namespace stasis::spank
