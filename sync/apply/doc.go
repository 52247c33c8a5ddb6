// Package apply is the side of a run that takes the other end's changes: smd
// 1.3's client, at whichever end it runs.
//
// Each action is first resolved against what is here now (resolve.go): that is
// where the conflict rules live, by which no message is lost, none duplicated
// and no run stopped. What has to come from the other end is then fetched in a
// pipeline (fetch.go), made durable in batches and put in place (install.go),
// deletions come last (remove.go), and the new state is checked and committed
// (client.go).
package apply
