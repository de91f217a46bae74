-- Asks the gateway what becomes of a request. haproxy.cfg has written what it has to know.
local gateway = "http://127.0.0.1:9090/auth?dialect=haproxy"

-- Of the visitor's connection, and of a body that is not sent along.
local left_out = {
    ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true,
    ["keep-alive"] = true, ["te"] = true, ["transfer-encoding"] = true,
}

local function fields_of(txn)
    local fields = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not left_out[name] then
            fields[name] = {}
            for at = 0, #values do
                table.insert(fields[name], values[at])
            end
        end
    end
    return fields
end

core.register_action("gateway", { "http-req" }, function(txn)
    local said = core.httpclient():get({ url = gateway, headers = fields_of(txn), timeout = 5000 })
    if said.status ~= 200 then
        return
    end
    for _, flags in pairs(said.headers["x-maintenance-notice"] or {}) do
        txn.http:req_set_header("x-maintenance-notice", flags)
    end
    txn:set_var("txn.let_through", true)
end, 0)
