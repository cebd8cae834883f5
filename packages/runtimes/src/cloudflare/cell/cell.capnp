# One tenant's cell. Compiled once, without paths: addresses and the folder come on the command line of each cell,
# and secrets only ever come over the control socket.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "dispatcher", worker = .dispatcher),
    (name = "control", external = (address = "unix:control.sock", http = ())),
    (name = "egress", external = (address = "unix:egress.sock", http = ())),
    # Workers reach no network by themselves; what an agent fetches goes through the dispatcher's Egress.
    (name = "internet", network = (allow = [])),
    (name = "storage", disk = (path = "storage", writable = true)),
    (name = "session-files", disk = (path = "storage", writable = false)),
  ],
  sockets = [(name = "main", address = "unix:main.sock", http = (), service = "dispatcher")],
  # Bounds each isolate's heap; the whole process has its own bound outside.
  v8Flags = ["--max-heap-size=${maxHeapMb}"],
);

const dispatcher :Workerd.Worker = (
  modules = [(name = "dispatcher.js", esModule = embed "dispatcher.js")],
  compatibilityDate = "${compatibilityDate}",
  compatibilityFlags = ["enable_request_signal", "request_signal_passthrough"],
  bindings = [
    (name = "LOADER", workerLoader = (id = "agents")),
    (name = "CONTROL", service = "control"),
    (name = "EGRESS", service = "egress"),
    (name = "SESSION", durableObjectNamespace = "Session"),
    (name = "SESSION_FILES", service = "session-files"),
    (name = "LIMITS", json = embed "limits.json"),
  ],
  durableObjectNamespaces = [(className = "Session", uniqueKey = "sessions", enableSql = true)],
  durableObjectStorage = (localDisk = "storage"),
);
