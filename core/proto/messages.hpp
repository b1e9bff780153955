// The messages, one struct each (see docs/PROTOCOL.md for who sends what when).
//
// A *member* is a process of the computation; it connects to the node coordinator's UNIX socket only while a checkpoint or a
// restart runs, and says nothing at other times. A *node coordinator* is a member of the root coordinator over TCP. A *control*
// peer is one of our programs that asks for something.
//
//   checkpoint   coordinator: stop signal to every member -> member: Hello -> coordinator: Begin (or Decline)
//                member: Quiesced -> coordinator: Elect when every process is stopped -> member: Inventory -> coordinator: Elected
//                member: Lent, for those that Elected tells to -> coordinator: the same to the member that borrows
//                member: Written -> coordinator: Resume when all have written -> member closes, and runs
//   restart      restored library: Hello{restored} -> Restored -> coordinator: Resume when all are back -> member closes
//   any time     member: Notice (the batch system asked this process to end) -> coordinator: NoticeAnswer
//                control: Request -> coordinator: Progress* , Reply
//   nodes        root: NodeWelcome (a challenge) -> node: NodeHello (answers it) -> root: NodeAdmitted (answers the node's) , then
//                root: NodeOrder -> node: NodeReport, one of each a phase (coordinator/node_link.hpp); a node reports by itself what happens to it
//   parts        of a restart, on connections that become the program's own (restart_wrapper/meeting.hpp): the later part: MeetingWelcome (a challenge)
//                -> the earlier: MeetingHail -> the later: MeetingAnswer
//   An Abandon from the coordinator may come in place of any answer: the member undoes what it did and resumes.
// World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/errors.hpp"
#include "core/codec/codec.hpp"

namespace stasis::proto {

enum class MessageType : std::uint16_t {
  hello = 1,
  begin = 2,
  decline = 3,
  quiesced = 4,
  elect = 5,
  inventory = 6,
  elected = 7,
  written = 8,
  resume = 9,
  abandon = 11,
  failed = 12,
  restored = 13,
  notice = 14,
  notice_answer = 15,
  lent = 16,
  request = 32,
  progress = 33,
  reply = 34,
  node_hello = 64,
  node_welcome = 65,
  node_order = 66,
  node_report = 67,
  node_admitted = 68,
  meeting_welcome = 96,
  meeting_hail = 97,
  meeting_answer = 98,
};

// member -> coordinator, first message of every connection of a member.
struct Hello {
  static constexpr auto kType = MessageType::hello;
  std::string_view computation;     // must be the coordinator's
  std::int32_t pid = 0;             // by which the program knows the process; the kernel may know it by another
  bool restored = false;            // the process was just brought back by a restart
  std::string_view program;         // path of the executable, for messages to people
  bool notice = false;              // a Notice follows: the process may be called for a checkpoint and not have stopped yet, this is not its answer
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("computation", self.computation);
    archive("pid", self.pid);
    archive("restored", self.restored);
    archive("program", self.program);
    archive("notice", self.notice);
  }
};

// coordinator -> member: a checkpoint runs, take part in it.
struct Begin {
  static constexpr auto kType = MessageType::begin;
  std::uint64_t generation = 0;
  std::string_view image_path;      // absolute path of the file that this member shall write
  bool exit_after = false;          // the computation will be ended when the checkpoint is committed
  // How long called_thread had been asleep when it was signalled, 0 if it was not or this is not known: only who is not woken
  // by the signal can find out (se.exec_start of /proc/PID/sched, read before kill(2), compared with the reader's own).
  std::uint64_t leader_slept_ns = 0;
  // After a restart: the identities of descriptors 0 to 2 as `stasis restart` got them, in the form of STASIS_STDIO, which the program
  // keeps from its launch. Empty before: then the environment's hold.
  std::string_view stdio;
  // The main thread, or the oldest if that has ended: the signal was meant for it. The kernel may have given it to another.
  std::int32_t called_thread = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("generation", self.generation);
    archive("image_path", self.image_path);
    archive("exit_after", self.exit_after);
    archive("leader_slept_ns", self.leader_slept_ns);
    archive("stdio", self.stdio);
    archive("called_thread", self.called_thread);
  }
};

// coordinator -> member: nothing to do (the signal came from somebody else, or the checkpoint is over).
struct Decline {
  static constexpr auto kType = MessageType::decline;
  template <class Self, class Archive>
  static void fields(Self&, Archive&) {}
};

// member -> coordinator: all threads of this process stand still.
struct Quiesced {
  static constexpr auto kType = MessageType::quiesced;
  std::uint32_t threads = 0;
  std::uint64_t stopped_ns = 0;     // CLOCK_MONOTONIC when the first thread was stopped: the program stands still from here
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("threads", self.threads);
    archive("stopped_ns", self.stopped_ns);
  }
};

// coordinator -> member: every process of the computation stands still; say what you share.
struct Elect {
  static constexpr auto kType = MessageType::elect;
  template <class Self, class Archive>
  static void fields(Self&, Archive&) {}
};

enum class SharedKind : std::uint8_t {
  description = 1,  // an open file description; compared with kcmp(KCMP_FILE) among entries of equal device and inode
  memory = 2,       // the object behind a MAP_SHARED mapping without a name in the file system; equal device and inode is enough
  mapped_file = 3,  // a file that is mapped shared and not open in the member; the same
};

// One resource that other processes may share with the member.
struct SharedEntry {
  SharedKind kind = SharedKind::description;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t discriminator = 0;  // anything equal for equal descriptions (status flags); narrows the comparisons
  std::int32_t fd = -1;             // a descriptor of the description in the member
  std::uint64_t other_end = 0;      // inode of the other end of a TCP connection, if that is needed to get at what is under way; else 0
  bool must_be_inside = false;      // a connection whose other end a member must have
  std::uint64_t peer = 0;           // inode of that other end, 0 if it is on another machine
  bool is_emptied = false;          // a message queue: one member takes out what is in it and sends it again, while nobody who has it runs
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("kind", self.kind);
    archive("device", self.device);
    archive("inode", self.inode);
    archive("discriminator", self.discriminator);
    archive("fd", self.fd);
    archive("other_end", self.other_end);
    archive("must_be_inside", self.must_be_inside);
    archive("peer", self.peer);
    archive("is_emptied", self.is_emptied);
  }
};

// Bytes [start, end) of a shared memory object that the member has mapped somewhere. The same ones may be there more than once.
struct SharedExtent {
  std::uint32_t entry = 0;     // of the Inventory
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("entry", self.entry);
    archive("start", self.start);
    archive("end", self.end);
  }
};

// Of an extent what the member is to put into its image; every byte that anybody has mapped is in one part of one member.
struct SharedPart {
  std::uint32_t extent = 0;    // of the member's own
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("extent", self.extent);
    archive("start", self.start);
    archive("end", self.end);
  }
};

// member -> coordinator: each description once (the member has found its own duplicates) and each shared memory object once.
struct Inventory {
  static constexpr auto kType = MessageType::inventory;
  Sequence<SharedEntry> entries;
  Sequence<SharedExtent> extents;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("entries", self.entries);
    archive("extents", self.extents);
  }
};

struct ElectedEntry {
  std::uint64_t id = 0;       // the same number for the same resource in every process of the node, from 1
  bool recorder = false;      // this member puts the content into its image
  bool lent = false;          // the other end of a connection, of which this member takes out what is under way, is lent by another
  bool empties = false;       // it is this member that takes out what is in the message queue
  std::uint32_t loans = 0;    // both only when so many Lent have come, one from each other member that has the queue, or either end
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("id", self.id);
    archive("recorder", self.recorder);
    archive("lent", self.lent);
    archive("empties", self.empties);
    archive("loans", self.loans);
  }
};

// A description that the member is to lend for a moment.
struct Lending {
  std::uint32_t entry = 0;     // of its own Inventory
  std::int32_t borrower = 0;   // pid of the member that borrows
  std::uint32_t borrowed = 0;  // entry of that one's Inventory which it is either end of, or the same message queue
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("entry", self.entry);
    archive("borrower", self.borrower);
    archive("borrowed", self.borrowed);
  }
};

// coordinator -> member: answers an Inventory entry by entry, in its order.
struct Elected {
  static constexpr auto kType = MessageType::elected;
  Sequence<ElectedEntry> entries;
  Sequence<Lending> lendings;
  Sequence<SharedPart> parts;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("entries", self.entries);
    archive("lendings", self.lendings);
    archive("parts", self.parts);
  }
};

// member -> coordinator -> member: with it go two descriptors (SCM_RIGHTS), the description that is lent (of a message queue the second again) and the writing end of a pipe. While that end is
// open anywhere the lender does not run on, whatever becomes of the checkpoint, the coordinator or the borrower.
struct Lent {
  static constexpr auto kType = MessageType::lent;
  Lending lending;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("lending", self.lending);
  }
};

// member -> coordinator: the image is complete (not yet synced; the coordinator does that after the program runs again).
struct Written {
  static constexpr auto kType = MessageType::written;
  std::uint64_t bytes = 0;    // length of the image file
  std::uint64_t digest = 0;   // of its section table, which holds the digests of the sections (image/format.hpp)
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("bytes", self.bytes);
    archive("digest", self.digest);
  }
};

// coordinator -> member: run on. The member closes the connection when it does.
struct Resume {
  static constexpr auto kType = MessageType::resume;
  template <class Self, class Archive>
  static void fields(Self&, Archive&) {}
};

// coordinator -> member: the checkpoint is off; undo and run on.
struct Abandon {
  static constexpr auto kType = MessageType::abandon;
  template <class Self, class Archive>
  static void fields(Self&, Archive&) {}
};

// member -> coordinator: this member cannot; the checkpoint is to be abandoned. The member waits for Abandon (or end of file).
struct Failed {
  static constexpr auto kType = MessageType::failed;
  ErrorCode code = ErrorCode::none;
  std::int32_t sys_errno = 0;
  std::string_view detail;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("code", self.code);
    archive("sys_errno", self.sys_errno);
    archive("detail", self.detail);
  }
};

// member -> coordinator: this process is whole again but stands still until Resume.
struct Restored {
  static constexpr auto kType = MessageType::restored;
  std::uint32_t threads = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("threads", self.threads);
  }
};

// member or stasis restart -> coordinator: the batch system sent this signal to end the job; it was held back.
struct Notice {
  static constexpr auto kType = MessageType::notice;
  std::int32_t signal = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("signal", self.signal);
  }
};

// coordinator -> sender of a Notice. held: a final checkpoint runs, forget the signal. Otherwise deliver it to the program.
struct NoticeAnswer {
  static constexpr auto kType = MessageType::notice_answer;
  bool held = false;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("held", self.held);
  }
};

enum class Verb : std::uint8_t { checkpoint = 1, kill = 2, status = 3, stop = 4, register_root = 5, drained = 6, connected = 7 };

// control -> coordinator.
struct Request {
  static constexpr auto kType = MessageType::request;
  Verb verb = Verb::status;
  std::string_view key;         // the computation's key from the store, hex
  bool exit_after = false;      // checkpoint: end the computation when it is committed
  std::int32_t pid = 0;         // register_root: the first process, whose end is the end of the computation's foreground part
  std::string_view reason;      // checkpoint: why ("command", "interval", "notice"), kept in the manifest
  std::string_view launch;      // drained, by a launch proxy, which needs no key: everything before the marker of this launch...
  std::string_view nonce;       // ...with this nonce...
  std::uint32_t task = 0;       // ...from this task...
  std::uint32_t stream = 0;     // ...on its standard output (1) or error (2) has been passed on
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("verb", self.verb);
    archive("key", self.key);
    archive("exit_after", self.exit_after);
    archive("pid", self.pid);
    archive("reason", self.reason);
    archive("launch", self.launch);
    archive("nonce", self.nonce);
    archive("task", self.task);
    archive("stream", self.stream);
  }
};

// coordinator -> control, while a request takes long.
struct Progress {
  static constexpr auto kType = MessageType::progress;
  std::string_view text;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("text", self.text);
  }
};

// coordinator -> control, last. `json` is what --json prints; `text` is the line for people.
struct Reply {
  static constexpr auto kType = MessageType::reply;
  ErrorCode code = ErrorCode::none;
  std::int32_t sys_errno = 0;
  std::string_view text;
  std::string_view json;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("code", self.code);
    archive("sys_errno", self.sys_errno);
    archive("text", self.text);
    archive("json", self.json);
  }
};

// root -> node, first message of the connection. Nobody of another computation can answer it.
struct NodeWelcome {
  static constexpr auto kType = MessageType::node_welcome;
  std::string_view challenge;   // 32 random hex digits
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("challenge", self.challenge);
  }
};

// node -> root.
struct NodeHello {
  static constexpr auto kType = MessageType::node_hello;
  std::string_view computation;
  std::string_view part;        // name of this node's part of the computation: the directory of its images in a generation
  std::string_view host;
  std::string_view launch;      // what started it: id of a launch proxy's launch; empty if nothing of the computation did
  std::uint32_t parts = 1;      // of how many parts that launch consists
  std::uint64_t restored = 0;   // the generation that it brings back, 0 for new processes
  std::string_view challenge;   // 32 random hex digits, for the root to answer
  std::string_view proof;       // core/proto/authentication.hpp, of the root's challenge
  std::string_view addresses;   // of the node, as words of text: by these the other ends of its connections know it
  std::uint16_t meeting = 0;    // of a restart: the port at which the part's connections to others are made anew
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("computation", self.computation);
    archive("part", self.part);
    archive("host", self.host);
    archive("launch", self.launch);
    archive("parts", self.parts);
    archive("restored", self.restored);
    archive("challenge", self.challenge);
    archive("proof", self.proof);
    archive("addresses", self.addresses);
    archive("meeting", self.meeting);
  }
};

// root -> node: you belong to us, and this proves that we are the root.
struct NodeAdmitted {
  static constexpr auto kType = MessageType::node_admitted;
  std::string_view proof;       // of the node's challenge
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("proof", self.proof);
  }
};

enum class NodeOrderKind : std::uint8_t {
  quiesce = 1,   // stop all processes, then report stopped
  record = 2,    // elect, write the images, then report recorded
  sync = 3,      // make the images durable, then report synced
  resume = 4,    // let all processes run on; no report
  abandon = 5,   // undo and let all processes run on; no report
  end = 6,       // end all processes, then report ended
  look = 8,      // say which launches wait here, then report looked; nobody is stopped
  drain = 9,     // put a drain marker behind what your tasks have written, then report drained
  meet = 10,     // another part of a restart is there: this is where it meets the others; no report
  deliver = 7,   // the notice that you reported is not met by a checkpoint: send its signal to your first process; no report
};

// root -> node.
struct NodeOrder {
  static constexpr auto kType = MessageType::node_order;
  NodeOrderKind kind{};
  std::uint64_t generation = 0;
  bool exit_after = false;      // the computation ends when this checkpoint is committed
  std::int32_t signal = 0;      // deliver
  std::string_view part;        // meet: name of the part...
  std::string_view address;     // ...address of its node, as the root sees it...
  std::uint16_t port = 0;       // ...and port
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("kind", self.kind);
    archive("generation", self.generation);
    archive("exit_after", self.exit_after);
    archive("signal", self.signal);
    archive("part", self.part);
    archive("address", self.address);
    archive("port", self.port);
  }
};

enum class NodeReportKind : std::uint8_t {
  stopped = 1,
  recorded = 2,
  synced = 3,
  ended = 4,
  failed = 5,    // any order; the node has undone what it did and its processes run
  restored = 6,  // by itself: all processes of a restart are there and wait for resume
  notice = 7,    // by itself: the batch system asked a process of this node to end
  empty = 8,     // by itself: no process is left here
  looked = 9,
  drained = 10,
};

// A launcher that runs on behalf of a launch proxy.
struct NodeLaunch {
  std::string_view launch;
  std::int32_t proxy = 0;       // pid
  std::string_view undrained;   // why what it relays cannot be drained, empty if it can
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("launch", self.launch);
    archive("proxy", self.proxy);
    archive("undrained", self.undrained);
  }
};

struct NodeImage {
  std::int32_t pid = 0;
  std::string_view program;
  std::string_view path;        // absolute
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;
  std::string_view launch;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("pid", self.pid);
    archive("program", self.program);
    archive("path", self.path);
    archive("bytes", self.bytes);
    archive("digest", self.digest);
    archive("launch", self.launch);
  }
};

// node -> root.
struct NodeReport {
  static constexpr auto kType = MessageType::node_report;
  NodeReportKind kind{};
  std::uint64_t generation = 0;
  ErrorCode code = ErrorCode::none;   // failed
  std::int32_t sys_errno = 0;
  std::string_view detail;
  std::int32_t signal = 0;            // notice
  std::int32_t root = 0;              // recorded: the node's first process, 0 if it has ended
  std::uint64_t stopped_us = 0;       // recorded: since its first thread was stopped
  Sequence<NodeImage> images;         // recorded
  Sequence<NodeLaunch> launches;      // looked, stopped
  std::uint32_t streams = 0;          // drained: bit 1 (value 2) stdout, bit 2 (value 4) stderr of its task have a marker
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("kind", self.kind);
    archive("generation", self.generation);
    archive("code", self.code);
    archive("sys_errno", self.sys_errno);
    archive("detail", self.detail);
    archive("signal", self.signal);
    archive("root", self.root);
    archive("stopped_us", self.stopped_us);
    archive("images", self.images);
    archive("launches", self.launches);
    archive("streams", self.streams);
  }
};

// later part -> earlier part, first message of the connection.
struct MeetingWelcome {
  static constexpr auto kType = MessageType::meeting_welcome;
  std::string_view challenge;   // 32 random hex digits
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("challenge", self.challenge);
  }
};

// What was in the receive queue of one end of a TCP connection, a piece of it.
struct QueuedBytes {
  std::string_view bytes;
  bool urgent = false;          // the one byte of TCP's urgent data
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("bytes", self.bytes);
    archive("urgent", self.urgent);
  }
};

// A listener that is there again.
struct ListenerPlace {
  std::string_view name;        // its old address (struct sockaddr)
  std::uint16_t port = 0;       // its port now
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("name", self.name);
    archive("port", self.port);
  }
};

// earlier part -> later part. This end of the connection (of the addresses `name` and `peer`) looks for its other one; or, with `is_all`, the part has no more ends to ask for.
struct MeetingHail {
  static constexpr auto kType = MessageType::meeting_hail;
  std::string_view part;                // the sender's name
  std::string_view proof;               // core/proto/authentication.hpp, of the challenge
  bool is_all = false;
  std::string_view name;                // struct sockaddr, as all addresses here
  std::string_view peer;
  Sequence<QueuedBytes> queue;          // of this end
  Sequence<ListenerPlace> listeners;    // with is_all: of the part
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("part", self.part);
    archive("proof", self.proof);
    archive("is_all", self.is_all);
    archive("name", self.name);
    archive("peer", self.peer);
    archive("queue", self.queue);
    archive("listeners", self.listeners);
  }
};

enum class MeetingOutcome : std::uint8_t {
  nobody = 0,     // the part does not have the other end
  here = 1,       // this connection is it: after the answer come the bytes of the asking end's queue, and those of the other's are expected
  again = 2,      // ask again at `port`, where the socket is of the family that it must be of
  listening = 3,  // nobody has accepted it yet: the listener is at `port`
};

// later part -> earlier part.
struct MeetingAnswer {
  static constexpr auto kType = MessageType::meeting_answer;
  MeetingOutcome outcome{};
  std::uint16_t port = 0;
  Sequence<QueuedBytes> queue;          // here: of the end that answers
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("outcome", self.outcome);
    archive("port", self.port);
    archive("queue", self.queue);
  }
};

}  // namespace stasis::proto
