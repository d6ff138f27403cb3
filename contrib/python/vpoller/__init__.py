"""Ask vPoller about VMware vSphere.

`vpoller.client` asks a vPoller proxy, `vpoller.agent` a vSphere host without one. They are apart because only the client
needs pyzmq, and only the agent needs vPoller's programs.
"""

__version__ = '1.0.0'
