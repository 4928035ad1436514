// Package lsd finds peers in the local network (local service discovery, BEP 14): it announces our torrents to
// a multicast group and hears the announces of others.
//
// It owns its sockets, which it opens through the function that it is given, and the tables of what was announced
// and heard, which are bounded. The session makes one Service, calls Run in a goroutine of its own, and may
// call the other methods from any goroutine; they never wait. Run has one goroutine a socket beside itself.
// Messages, schedule and limits are pure. Any program in the network can say anything here: what is heard are candidates,
// few a minute, and who uses them decides about each.
package lsd
