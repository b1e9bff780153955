// In which order processes must be made, see tree.hpp.
//
// The *birth session* of a node is the session that its creator must be in when it forks it: its own for all but session leaders; for a session leader
// the one that those of its children need which are not in the session that it leads; often it does not matter.
// World: programs.
#include "restart_wrapper/tree.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace stasis::restart {
namespace {

class Builder {
 public:
  Builder(const std::vector<ProcessShape>& processes, const TreeOptions& options) : processes_(processes), options_(options) {}

  Result<Tree> build() {
    for (const ProcessShape& process : processes_) add_process(process);
    used_.insert(options_.taken.begin(), options_.taken.end());
    used_.insert(1);
    const int processes = size();
    settle_first();
    for (int i = 0; i != processes; ++i) settle_leaders(i);
    for (int i = 0; i != processes; ++i) settle_parent(i);
    for (int i = 0, count = size(); i != count; ++i) STASIS_TRY(settle_creator(i));
    STASIS_TRY(link());
    return std::move(tree_);
  }

 private:
  int size() const { return static_cast<int>(tree_.nodes.size()); }
  TreeNode& node(int index) { return tree_.nodes[static_cast<std::size_t>(index)]; }
  int find(int pid) const {
    const auto found = by_pid_.find(pid);
    return found == by_pid_.end() ? -1 : found->second;
  }
  bool leads_session(int index) { return node(index).session == node(index).pid; }

  int add(int pid, Role role) {
    TreeNode& added = tree_.nodes.emplace_back();
    added.pid = pid, added.role = role;
    by_pid_[pid] = size() - 1;
    used_.insert(pid);
    parent_.push_back(-1);
    adopted_.push_back(false);
    return size() - 1;
  }
  void add_process(const ProcessShape& process);
  void settle_first();
  void settle_leaders(int index);
  int session_of(int session);
  void settle_parent(int index);
  Result<std::optional<int>> birth_session(int index, int depth = 0);
  Status settle_creator(int index);
  Status link();

  const std::vector<ProcessShape>& processes_;
  const TreeOptions& options_;
  Tree tree_;
  std::map<int, int> by_pid_;
  std::set<int> used_;
  std::vector<int> parent_;     // index of the node that getppid() must lead to; -1: the first process
  std::vector<bool> adopted_;   // its parent becomes the first process by the midwife's end
};

void Builder::add_process(const ProcessShape& process) {
  const int index = add(process.pid, process.zombie ? Role::zombie : Role::member);
  node(index).status = process.status;
  node(index).exit_signal = process.exit_signal;
  node(index).member = process.member;
}

void Builder::settle_first() {
  const auto any = [this](int ProcessShape::* id) {
    return std::any_of(processes_.begin(), processes_.end(), [id](const ProcessShape& process) { return process.*id == 1; });
  };
  if (options_.share_session) return;
  tree_.first_leads_session = any(&ProcessShape::session);
  tree_.first_leads_group = !tree_.first_leads_session && any(&ProcessShape::group);
}

// The session `session` as it will be: led by a node, or 0.
int Builder::session_of(int session) {
  if (session <= 1 || (options_.share_session && session == options_.terminal_session)) return 0;
  if (find(session) >= 0) return session;
  if (options_.share_session) return 0;
  node(add(session, Role::leader)).session = session;
  node(find(session)).group = session;
  return session;
}

void Builder::settle_leaders(int index) {
  const ProcessShape& process = processes_[static_cast<std::size_t>(index)];
  const int session = session_of(process.session);
  node(index).session = session;
  const int group = process.group;
  if (group <= 1) return;
  if (find(group) < 0) {
    const int root = find(options_.root);
    const bool is_roots = root >= 0 && processes_[static_cast<std::size_t>(root)].group == group;
    if (session == 0 && options_.share_session && is_roots) return;
    const int leader = add(group, Role::leader);
    node(leader).session = session;
    node(leader).group = group;
  }
  node(index).group = group;
}

void Builder::settle_parent(int index) {
  const ProcessShape& process = processes_[static_cast<std::size_t>(index)];
  if (process.parent <= 1) return;
  int parent = find(process.parent);
  if (parent < 0) {
    // From outside. It lives in the session that its child was born into, so that it can fork it.
    parent = add(process.parent, Role::parent);
    node(parent).session = leads_session(index) ? 0 : node(index).session;
  } else if (node(parent).role == Role::leader) {
    node(parent).role = Role::parent;
  }
  parent_[static_cast<std::size_t>(index)] = parent;
}

// The session that a node must be born in; none if it does not matter.
Result<std::optional<int>> Builder::birth_session(int index, int depth) {
  if (depth > size()) return error(ErrorCode::restore_failed, "the parents of process " + std::to_string(node(index).pid) + " form a circle");
  if (!leads_session(index)) return std::optional<int>(node(index).session);
  std::optional<int> need;
  for (int child = 0; child != size(); ++child) {
    if (parent_[static_cast<std::size_t>(child)] != index || adopted_[static_cast<std::size_t>(child)]) continue;
    STASIS_TRY_VALUE(const std::optional<int> childs, birth_session(child, depth + 1));
    if (!childs || *childs == node(index).session) continue;
    if (need && *need != *childs)
      return error(ErrorCode::restore_failed, "process " + std::to_string(node(index).pid) + " has children of several sessions older than its own");
    need = childs;
  }
  return need;
}

Status Builder::settle_creator(int index) {
  STASIS_TRY_VALUE(const std::optional<int> birth, birth_session(index));
  const int parent = parent_[static_cast<std::size_t>(index)];
  if (parent >= 0) {
    TreeNode& self = node(index);
    self.creator = parent;
    if (!birth || *birth == node(parent).session) return {};
    STASIS_TRY_VALUE(const std::optional<int> parents, birth_session(parent));
    if (leads_session(parent) && parents && *parents == *birth) {
      self.before_session = true;
      return {};
    }
    if (self.role == Role::zombie) {
      self.session = node(parent).session;  // nobody can see the session of one that waits to be waited for and leads nothing
      return {};
    }
    if (node(parent).role == Role::member)
      return error(ErrorCode::restore_failed, "the session of process " + std::to_string(self.pid) + " is not one of its parent");
  }
  // A child of the first process.
  if (!birth || *birth == 0) {
    node(index).creator = -1;
    return {};
  }
  const int leader = find(*birth);
  const Role role = node(index).role;
  if (role == Role::leader || (role == Role::parent && node(leader).role == Role::leader)) {
    node(index).creator = leader;  // nobody is left to see whose child it is
    return {};
  }
  const int midwife = add(free_id(used_), Role::midwife);
  node(midwife).session = *birth;
  node(midwife).creator = leader;
  node(index).creator = midwife;
  adopted_[static_cast<std::size_t>(index)] = true;
  return {};
}

// Children lists, those before setsid first; and the proof that every node is reached from the first process.
Status Builder::link() {
  for (const bool early : {true, false}) {
    for (int i = 0; i != size(); ++i) {
      if (node(i).before_session != early) continue;
      if (node(i).creator < 0) tree_.top.push_back(i);
      else node(node(i).creator).children.push_back(i);
    }
  }
  std::set<int> reached;
  std::vector<int> open = tree_.top;
  while (!open.empty()) {
    const int next = open.back();
    open.pop_back();
    reached.insert(next);
    open.insert(open.end(), node(next).children.begin(), node(next).children.end());
  }
  for (int i = 0; i != size(); ++i)
    if (!reached.contains(i))
      return error(ErrorCode::restore_failed, "the session of process " + std::to_string(node(i).pid) + " cannot be reached from its parent");
  for (const TreeNode& made : tree_.nodes) tree_.ids.insert(made.pid);
  return {};
}

}  // namespace

int free_id(const std::set<int>& used) {
  int id = 2;
  while (used.contains(id)) ++id;
  return id;
}

Result<Tree> build_tree(const std::vector<ProcessShape>& processes, const TreeOptions& options) {
  return Builder(processes, options).build();
}

std::string to_text(const Tree& tree) {
  std::string text;
  const auto visit = [&](const auto& self, int index, int depth) -> void {
    const TreeNode& node = tree.nodes[static_cast<std::size_t>(index)];
    constexpr const char* kRoles[] = {"process", "zombie", "stand-in leader", "stand-in parent", "midwife"};
    text += std::string(static_cast<std::size_t>(depth) * 2, ' ') + std::to_string(node.pid) + " " + kRoles[static_cast<int>(node.role)];
    text += " session " + std::to_string(node.session) + " group " + std::to_string(node.group) + "\n";
    for (const int child : node.children) self(self, child, depth + 1);
  };
  for (const int index : tree.top) visit(visit, index, 0);
  return text;
}

}  // namespace stasis::restart
