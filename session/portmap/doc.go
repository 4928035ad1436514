// Package portmap asks the router of the local network to let connections from outside through to us: by
// NAT-PMP (RFC 6886), and where that is not spoken by UPnP (Internet Gateway Device 1 and 2).
//
// It owns the mappings that it makes: they are renewed at half of their time and removed in the end. The
// session makes one Mapper, calls Run in a goroutine of its own, and may call Again from any goroutine. All
// sockets come from the Net that it is given. A router is no friend: whoever answers a search is asked only
// at his own address in the local network, in plain HTTP, with bounds on bytes, elements and seconds, and what he
// says about our address is a hint and no more.
package portmap
