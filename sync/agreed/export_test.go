package agreed

// ImportBy is [Import] with so many messages held at a time.
var ImportBy = importBy
