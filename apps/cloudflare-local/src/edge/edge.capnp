# The local stand-in for Cloudflare's network: one process for all scripts. Addresses and the folder come on the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "control", external = (address = "unix:control.sock", http = ())),
    (name = "internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true))),
    (name = "anywhere", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "storage", disk = (path = "storage", writable = true)),
  ],
  sockets = [
    (name = "workers", address = "unix:workers.sock", http = (), service = "edge"),
    (name = "admin", address = "unix:admin.sock", http = (), service = (name = "edge", entrypoint = "Admin")),
  ],
);

const edge :Workerd.Worker = (
  modules = [(name = "edge.js", esModule = embed "edge.js")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["enable_request_signal", "request_signal_passthrough"],
  bindings = [
    (name = "LOADER", workerLoader = (id = "scripts")),
    (name = "CONTROL", service = "control"),
    (name = "INTERNET", service = "internet"),
    (name = "ANYWHERE", service = "anywhere"),
    (name = "OBJECTS", durableObjectNamespace = "LocalObject"),
  ],
  durableObjectNamespaces = [(className = "LocalObject", uniqueKey = "objects", enableSql = true)],
  durableObjectStorage = (localDisk = "storage"),
);
