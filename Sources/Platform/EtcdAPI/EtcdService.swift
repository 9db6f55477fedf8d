/// What a member says it is: the releases of etcd whose API it speaks.
public enum EtcdVersion {
    public static let server = "3.5.1"
    public static let cluster = "3.5.0"
}

/// The names of etcd's services.
public enum EtcdService {
    public static let kv = "etcdserverpb.KV"
    public static let watch = "etcdserverpb.Watch"
    public static let lease = "etcdserverpb.Lease"
    public static let cluster = "etcdserverpb.Cluster"
    public static let maintenance = "etcdserverpb.Maintenance"
    public static let auth = "etcdserverpb.Auth"
    public static let lock = "v3lockpb.Lock"
    public static let election = "v3electionpb.Election"
}
