// See requests.hpp.
// World: programs.
#include "cli/requests.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/control_client.hpp"
#include "coordinator/kill_all.hpp"
#include "coordinator/run_directory.hpp"
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

// What a coordinator that was killed itself has left: processes that carry the computation in their environment. Its member table is of no use here: after a
// restart the ids in it are those of another namespace. False if there is nothing.
bool kill_orphans(const std::string& store) {
  const auto coordinator = find_coordinator(store);
  if (!coordinator || coordinator->computation.empty()) return false;
  const auto look = [&] { return coordinator::take_census(MemberTable(), coordinator->computation, {}); };
  if (coordinator::kill_all(look) == 0) return false;
  coordinator::sweep_run_directories(coordinator::users_run_directories());
  return true;
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
  if (answer) return 0;
  if (answer.error().code == ErrorCode::no_coordinator && kill_orphans(store)) return 0;
  return complain("kill", answer.error());
}

}  // namespace stasis::cli
