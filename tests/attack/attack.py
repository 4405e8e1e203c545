"""The base class of attacks."""


class Attack:
    """The base class of attacks, with the defaults of most of them."""

    connections = 64
    addresses = 16
    upgrades = True
    reads = True
    floods = False
    receive_bytes = None
    """Size of the socket's receive buffer, if not the system's."""
    ramp_seconds_max = 5
    """How long to wait for all connections before the measurement."""
    segment_bytes = None
    """Maximum segment size of the server, if not 64 KiB as on loopback: segments on the internet are small."""
    half_closes = False
    """Whether the write side is shut down as soon as everything is sent."""
    tls = False
    ice = False
    """Whether the server has the TURN relay, and two honest clients exchange packets through it."""
    server_arguments = ()
    """Extra arguments of the server; they override the same flags of the bench."""
    history = False
    """Whether the server starts with three hours of history."""
    memory_growth_bytes_max = None
    """Maximum memory growth of the server, for attacks on memory."""
    extra_clients = ()
    """Honest clients of this attack (`honest_clients.py`), in addition to the newcomers."""
    sent_count = 0
    """Messages or frames handed to sockets."""

    def on_open(self, connection):
        """Returns what a connection sends when it opens."""

    def is_flooding(self, connection):
        """Whether this connection sends as much as the socket accepts."""
        return self.floods

    def flood_data(self, connection):
        """Returns the next data of a flooding connection."""

    def each_second(self, connection):
        """Returns what a connection sends once a second."""

    on_message = None
    """Handles a received message: a function of crowd, connection and payload; `None` if messages are only counted."""

    def prepare(self, port):
        """Prepares the attack before it begins."""

    def run(self, crowd, until, on_reached):
        """Attacks until then; calls `on_reached` at full strength."""
        crowd.run(until, on_reached)
