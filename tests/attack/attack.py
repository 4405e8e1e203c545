"""What attacks have in common."""


class Attack:
    """What attacks have in common, and what most of them leave as it is."""

    connections = 64
    addresses = 16
    upgrades = True
    reads = True
    floods = False
    receive_bytes = None
    """Size of the socket's receive buffer, if not the system's."""
    ramp_seconds_max = 5
    """How long to wait for all connections before the honest ones come."""
    segment_bytes = None
    """Size of the segments that the server may send, if not loopback's 64 KiB: lines on the internet have small ones."""
    half_closes = False
    """Whether the sending side is shut down as soon as everything has been said."""
    tls = False
    server_arguments = ()
    """What the server is started with beside the bench's own; one of them wins over the same flag of the bench."""
    history = False
    """Whether the server has three hours of history from the start."""
    memory_growth_bytes_max = None
    """How much the attack may make the server grow, where the attack is about that."""
    witnesses = ()
    """Honest visitors of this attack (`guests.py`), beside the newcomers."""
    said = 0
    """Messages or frames handed to sockets."""

    def first(self, connection):
        """What a connection says when it is open."""

    def is_flooding(self, connection):
        """Whether this connection of a flood says as much as the socket takes."""
        return self.floods

    def more(self, connection):
        """What it says whenever the socket takes something, if it floods."""

    def each_second(self, connection):
        """What it says once a second."""

    hear = None
    """What is done with a message that has come: a function of crowd, connection and payload; `None` if they are only counted."""

    def prepare(self, port):
        """Looks around before the attack begins."""

    def run(self, crowd, until, on_reached):
        """Attacks until then, and says when it is at full strength."""
        crowd.run(until, on_reached)
