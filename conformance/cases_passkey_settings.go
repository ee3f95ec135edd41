package conformance

var passkeySettingsCases = []Case{}
