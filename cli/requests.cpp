// See requests.hpp.
// World: programs.
#include "cli/requests.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/control_client.hpp"
#include "core/base/sentence.hpp"

namespace stasis::cli {
namespace {

Result<Answer> request(const std::string& store, proto::Verb verb, bool exit_after) {
  STASIS_TRY_VALUE(const CoordinatorAddress coordinator, find_coordinator(store));
  proto::Request request;
  request.verb = verb;
  request.exit_after = exit_after;
  request.reason = "command";
  return ask(coordinator, request);
}

int complain(const char* verb, const Error& failure) {
  std::fprintf(stderr, "stasis %s: %s\n", verb, sentence_with_remedy(failure).c_str());
  return describe(failure.code).exit_status;
}

}  // namespace

int checkpoint(const std::string& store, bool exit_after, bool json) {
  const auto answer = request(store, proto::Verb::checkpoint, exit_after);
  if (!answer) return complain("checkpoint", answer.error());
  std::printf("%s\n", json ? (*answer).json.c_str() : (*answer).text.c_str());
  return 0;
}

int status(const std::string& store, bool json) {
  const auto answer = request(store, proto::Verb::status, false);
  if (!answer) return complain("status", answer.error());
  if (json) {
    std::printf("%s\n", (*answer).json.c_str());
    return 0;
  }
  std::printf("%s\n", (*answer).text.c_str());
  const auto details = nlohmann::ordered_json::parse((*answer).json, nullptr, false);
  if (!details.is_object()) return 0;
  for (const auto& process : details["processes"]) {
    std::printf("  process %d, parent %d, %s\n", process.value("pid", 0), process.value("parent", 0), process.value("program", "").c_str());
  }
  std::printf("  %zu committed generations\n", details["generations"].size());
  return 0;
}

int kill(const std::string& store) {
  const auto answer = request(store, proto::Verb::kill, false);
  if (!answer) return complain("kill", answer.error());
  return 0;
}

}  // namespace stasis::cli
