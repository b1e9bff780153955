// See store.hpp. A generation exists if and only if its manifest does; everything that leads to it is synced before.
// World: programs.
#include "coordinator/store.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/proto/authentication.hpp"
#include "coordinator/log.hpp"
#include "coordinator/this_node.hpp"
#include "coordinator/written_files.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

namespace files = std::filesystem;
using Json = nlohmann::ordered_json;

Status sync_path(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return system_error("open " + path, -errno);
  const int result = ::fsync(fd) == 0 ? 0 : -errno;
  ::close(fd);
  return result == 0 ? Status{} : Status(system_error("sync " + path, result));
}

// Writes beside and renames into place; `mode` from the start, so that nobody else ever can read it.
Status write_whole(const std::string& path, const std::string& text, mode_t mode, bool durable) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return system_error("create " + beside, -errno);
  int result = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno == 0 ? -ENOSPC : -errno;
  if (result == 0 && durable && ::fsync(fd) != 0) result = -errno;
  ::close(fd);
  if (result == 0 && ::rename(beside.c_str(), path.c_str()) != 0) result = -errno;
  if (result != 0) {
    ::unlink(beside.c_str());
    return system_error("write " + path, result);
  }
  return durable ? sync_path(files::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY) : Status{};
}

Json read_json(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file, nullptr, false);
}

bool answers(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool there = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return there;
}

std::uint64_t number_of(const files::path& path) {
  const std::string name = path.filename().string();
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
  return problem == std::errc() && end == name.data() + name.size() ? number : 0;
}

Status make_directory(const std::string& directory) {
  std::error_code problem;
  if (files::exists(directory, problem)) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) return system_error(directory, -errno);
    if (!S_ISDIR(status.st_mode)) return error(ErrorCode::not_a_store, directory);
    if (status.st_uid != ::geteuid()) return error(ErrorCode::foreign_store, directory);
    if (!files::exists(directory + "/" + store_layout::kIdentity, problem) && !files::is_empty(directory, problem)) {
      return error(ErrorCode::not_a_store, directory);
    }
    return {};
  }
  const files::path parent = files::path(directory).parent_path();
  if (!parent.empty()) files::create_directories(parent, problem);
  if (::mkdir(directory.c_str(), 0700) != 0) return system_error("create " + directory, -errno);
  return {};
}

}  // namespace

Result<RootAddress> read_root_address(const std::string& store) {
  std::error_code problem;
  RootAddress address;
  address.store = files::canonical(store, problem).string();
  if (problem || !files::exists(address.store + "/" + store_layout::kIdentity, problem)) return error(ErrorCode::no_store, store);
  const Json document = read_json(address.store + "/" + store_layout::kCoordinator);
  if (!document.is_object()) return error(ErrorCode::no_coordinator, store);
  address.computation = document.value("computation", "");
  address.key = document.value("key", "");
  address.host = document.value("host", "");
  address.port = document.value("port", std::uint16_t{0});
  if (address.port == 0) return error(ErrorCode::no_coordinator, store).with("it does not take nodes");
  return address;
}

Result<Store> Store::open(const std::string& directory, bool restored, const std::string& command) {
  Store store;
  std::error_code problem;
  store.directory_ = files::absolute(directory, problem).lexically_normal().string();
  while (store.directory_.size() > 1 && store.directory_.ends_with('/')) store.directory_.pop_back();
  STASIS_TRY(make_directory(store.directory_));
  const std::string identity_path = store.directory_ + "/" + store_layout::kIdentity;
  Json identity = read_json(identity_path);
  if (identity.is_object()) store.computation_ = identity.value("computation", "");
  if (files::exists(identity_path, problem) && store.computation_.size() != 16) return error(ErrorCode::not_a_store, store.directory_);
  const Json running = read_json(store.directory_ + "/" + store_layout::kCoordinator);
  if (running.is_object() && answers(running.value("socket", ""))) return error(ErrorCode::store_busy, store.directory_);
  if (!restored && !store.committed().empty()) return error(ErrorCode::store_used, store.directory_);
  if (store.computation_.empty()) {
    store.computation_ = proto::random_hex(8);
    const Json fresh{{"format", 1}, {"computation", store.computation_}, {"command", command}, {"created", std::time(nullptr)}};
    STASIS_TRY(write_whole(identity_path, fresh.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", 0600, true));
  }
  if (::mkdir((store.directory_ + "/" + store_layout::kGenerations).c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("create " + store.directory_ + "/" + store_layout::kGenerations, -errno);
  }
  return store;
}

std::uint64_t Store::next_generation() const {
  std::uint64_t highest = 0;
  std::error_code problem;
  for (const auto& entry : files::directory_iterator(directory_ + "/" + store_layout::kGenerations, problem)) {
    highest = std::max(highest, number_of(entry.path()));
  }
  return highest + 1;
}

std::vector<std::uint64_t> Store::committed() const {
  std::vector<std::uint64_t> numbers;
  std::error_code problem;
  for (const auto& entry : files::directory_iterator(directory_ + "/" + store_layout::kGenerations, problem)) {
    const std::uint64_t number = number_of(entry.path());
    if (number != 0 && files::exists(entry.path() / store_layout::kManifest, problem)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status Store::begin_generation(std::uint64_t generation) const {
  const std::string path = store::generation_directory(directory_, generation);
  if (::mkdir(path.c_str(), 0700) != 0) return system_error("create " + path, -errno);
  return {};
}

Status sync_part(const std::vector<store::ManifestImage>& images) {
  std::vector<std::string> paths;
  for (const store::ManifestImage& image : images) paths.push_back(image.path);
  STASIS_TRY(sync_written_files(paths));
  for (const std::string& path : paths) STASIS_TRY(sync_path(path, O_RDONLY));
  if (images.empty()) return {};
  return sync_path(files::path(images.front().path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

Status Store::commit(store::Manifest manifest) const {
  const std::string path = store::generation_directory(directory_, manifest.generation);
  manifest.computation = computation_;
  manifest.time = std::time(nullptr);
  manifest.host = host_name();
  if (const char* wanted = std::getenv(environment::kFault); wanted != nullptr && std::string(wanted) == "commit_manifest") {
    return Error{ErrorCode::fault, EIO, FixedString<320>(wanted)};
  }
  STASIS_TRY(write_whole(path + "/" + store_layout::kManifest, store::encode(manifest, path), 0600, true));
  return sync_path(directory_ + "/" + store_layout::kGenerations, O_RDONLY | O_DIRECTORY);
}

// The manifest goes first: a generation that is half removed must not look whole.
void Store::remove_generation(std::uint64_t generation) const {
  const std::string path = store::generation_directory(directory_, generation);
  ::unlink((path + "/" + store_layout::kManifest).c_str());
  std::error_code problem;
  files::remove_all(path, problem);
}

void Store::prune(std::uint64_t keep, const std::vector<std::string>& running) const {
  const std::vector<std::uint64_t> numbers = committed();
  if (numbers.empty()) return;
  const std::uint64_t oldest_kept = numbers.size() > keep ? numbers[numbers.size() - keep] : numbers.front();
  std::vector<std::uint64_t> doomed;
  std::error_code problem;
  for (const auto& entry : files::directory_iterator(directory_ + "/" + store_layout::kGenerations, problem)) {
    const std::uint64_t number = number_of(entry.path());
    const bool whole = std::binary_search(numbers.begin(), numbers.end(), number);
    if (number != 0 && (number < oldest_kept || (!whole && number < numbers.back()))) doomed.push_back(number);
  }
  for (const std::uint64_t number : doomed) remove_generation(number);
  prune_logs({running.begin(), running.end()});
}

// A job of many steps would leave one for each.
void Store::prune_logs(std::set<std::string> wanted) const {
  std::error_code problem;
  for (const auto& generation : files::directory_iterator(directory_ + "/" + store_layout::kGenerations, problem)) {
    for (const auto& part : files::directory_iterator(generation.path(), problem)) wanted.insert(part.path().filename().string());
  }
  for (const auto& entry : files::directory_iterator(directory_, problem)) {
    const std::string part = part_of_log(entry.path().filename().string());
    if (!part.empty() && !wanted.contains(part)) files::remove(entry.path(), problem);
  }
}

Status Store::publish(const std::string& key, const std::string& socket, std::uint16_t port, std::uint64_t restored) {
  is_published_ = true;
  const Json document{{"computation", computation_}, {"key", key},       {"host", host_name()},
                      {"pid", ::getpid()},           {"socket", socket}, {"port", port}, {"restored", restored}, {"started", std::time(nullptr)}};
  return write_whole(directory_ + "/" + store_layout::kCoordinator, document.dump(2) + "\n", 0600, false);
}

void Store::retract() {
  if (std::exchange(is_published_, false)) ::unlink((directory_ + "/" + store_layout::kCoordinator).c_str());
}

}  // namespace stasis::coordinator
