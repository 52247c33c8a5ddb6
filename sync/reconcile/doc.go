// Package reconcile decides what becomes of the changes of two ends: from what
// they agreed on and what each did since, to what each has to do now. It does no
// I/O; its tables are the specification of the conflict rules (design,
// "Conflicts never lose a message").
package reconcile
