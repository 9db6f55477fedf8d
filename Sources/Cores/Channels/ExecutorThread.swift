#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// What the executor asks of the operating system.
enum ExecutorThread {
    private static let workerKey: pthread_key_t = {
        var key = pthread_key_t()
        precondition(pthread_key_create(&key, nil) == 0, "no thread-local storage is left")
        return key
    }()

    /// The worker whose thread this is.
    static var worker: ExecutorWorker? {
        pthread_getspecific(workerKey).map { Unmanaged<ExecutorWorker>.fromOpaque($0).takeUnretainedValue() }
    }

    /// From now on this thread is nobody's.
    static func leave() {
        pthread_setspecific(workerKey, nil)
    }

    /// How many threads can run at once here.
    static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Starts a thread that runs the worker to its end.
    static func start(_ worker: ExecutorWorker) {
        let context = Unmanaged.passRetained(worker).toOpaque()
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { ExecutorThread.run($0) }, context)
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { ExecutorThread.run($0!) }, context)
        #endif
        precondition(status == 0, "the system gives no more threads (error \(status))")
        #if canImport(Darwin)
            pthread_detach(thread!)
        #else
            pthread_detach(thread)
        #endif
    }

    private static func run(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        pthread_setspecific(workerKey, context)
        let worker = Unmanaged<ExecutorWorker>.fromOpaque(context)
        worker.takeUnretainedValue().run()
        worker.release()
        return nil
    }
}
