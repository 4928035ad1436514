// Package rpc owns how a daemon is steered over HTTP: Transmission's remote procedure calls in the old dialect and
// in JSON-RPC 2.0, from one table of fields and methods (fields*.go), with names that begin with shoal_ for what that protocol lacks
// (API.md has them all). Server answers for any status.Engine and serves metrics and events beside the calls; Client is a
// status.Engine that lives behind such a server, or behind a daemon of Transmission.
//
// It opens no socket: listeners and diallers are handed in. Server and Client may be used from any goroutine.
package rpc
