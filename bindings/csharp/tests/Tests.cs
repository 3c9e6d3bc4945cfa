// The list of tests that every binding has: open, state, subscribe, phases, errors, re-entrancy, threads, release.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading;
using Mapioffline;

sealed class Tests : IDisposable
{
    static int number;
    readonly string name = "Profile " + ++number + " žluť 日本";
    readonly Profile profile;
    readonly List<string> log = new List<string>();

    Tests()
    {
        profile = Profile.Open(name);
    }

    public void Dispose()
    {
        profile.Dispose();
    }

    static void Equal<T>(T expected, T found)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, found))
        {
            throw new Exception("expected " + expected + ", but found " + found);
        }
    }

    static string NameOf(Action action)
    {
        try
        {
            action();
            return "none";
        }
        catch (MapiOfflineException error)
        {
            if (!error.Message.EndsWith(error.Name) || error.HResult >= 0)
            {
                throw;
            }
            return error.Name;
        }
    }

    void Log(Change change)
    {
        log.Add(change + " in " + profile.State);
    }

    string TakeLog()
    {
        string text = string.Join(", ", log);
        log.Clear();
        return text;
    }

    void Open()
    {
        using (Profile same = Profile.Open(name.ToUpperInvariant()))
        {
            profile.Set(State.Offline, true);
            Equal(State.Offline, same.State);
            Equal(Capabilities.All, same.Capabilities);
        }
        Equal("0.1.0", Library.Version);
    }

    void StateIsSet()
    {
        foreach (State state in new[] { State.Offline, State.Offline, State.Online })
        {
            profile.Set(state);
            Library.WaitFor(name, state);
            Equal(state, profile.State);
        }
    }

    void SubscribeGivesAllPhasesInOrder()
    {
        const string expected = "Start Online -> Offline in Online, Change Online -> Offline in Offline, Done Online -> Offline in Offline";
        IDisposable subscription = profile.Subscribe(Log);
        foreach (bool wait in new[] { false, true })
        {
            profile.Set(State.Offline, wait);
            Library.WaitFor(name, State.Offline);
            Equal(expected, TakeLog());
            profile.Set(State.Online, true);
            TakeLog();
        }
        subscription.Dispose();
        subscription.Dispose();
        profile.Set(State.Offline, true);
        Equal("", TakeLog());
    }

    void ErrorsByName()
    {
        Equal("E_INVALIDARG", NameOf(() => Profile.Open("")));
        Equal("E_INVALIDARG", NameOf(() => Profile.Open("a\0b")));
        Equal("E_INVALIDARG", NameOf(() => Profile.Open("\ud800")));
        Equal("MAPI_E_NOT_FOUND", NameOf(() => Profile.Open(new string('x', 65))));
        Equal("MAPI_E_TIMEOUT", NameOf(() => Library.WaitFor(name, State.Offline, 0)));
        using (Profile fixedOne = Profile.Create(name + " fixed", Capabilities.Offline))
        {
            Equal(Capabilities.Offline, fixedOne.Capabilities);
            fixedOne.Set(State.Offline, true);
            Equal("MAPI_E_NO_SUPPORT", NameOf(() => fixedOne.Set(State.Online)));
        }
        Profile closed = Profile.Open(name);
        closed.Dispose();
        try
        {
            closed.Set(State.Online);
            throw new Exception("it is closed");
        }
        catch (ObjectDisposedException)
        {
        }
    }

    void Reentrancy()
    {
        profile.Subscribe(change =>
        {
            if (change.New == State.Offline)
            {
                log.Add(NameOf(() => profile.Set(State.Online, true)));
                if (change.Phase == Phase.Done)
                {
                    profile.Set(State.Online);
                }
            }
        });
        profile.Set(State.Offline, true);
        Library.WaitFor(name, State.Online);
        Equal("E_PENDING, E_PENDING, E_PENDING", TakeLog());
        Library.Settle(name);
    }

    void ACallbackMayEndItsOwnRegistrationAndTheProfile()
    {
        Profile other = Profile.Open(name);
        IDisposable subscription = null;
        subscription = other.Subscribe(change =>
        {
            log.Add(change.Phase.ToString());
            subscription.Dispose();
            other.Dispose();
        });
        other.Set(State.Offline, true);
        Equal("Start", TakeLog());
    }

    void DisposeEndsSubscriptionsAlthoughTheObjectLivesOn()
    {
        Profile other = Profile.Open(name);
        other.Subscribe(Log);
        other.Dispose();
        profile.Set(State.Offline, true);
        Equal("", TakeLog());
    }

    void DisposeWhileACallbackRunsOnAnotherThread()
    {
        uint before = Library.LiveObjects;
        for (int round = 0; round < 10; round++)
        {
            Profile other = Profile.Open(name + " other " + round);
            var begun = new ManualResetEvent(false);
            IDisposable subscription = other.Subscribe(change =>
            {
                begun.Set();
                Thread.Sleep(5);
                other.Dispose();
            });
            other.Set(State.Offline);
            begun.WaitOne();
            subscription.Dispose();
            other.Dispose();
        }
        for (int round = 0; round < 200 && Library.LiveObjects != before; round++)
        {
            Thread.Sleep(10);
        }
        Equal(before, Library.LiveObjects);
    }

    void AHandlerThatThrowsGoesNoFurther()
    {
        Action<Exception> failed = error => { throw error; };
        Library.CallbackFailed += failed;
        profile.Subscribe(change => { throw new Exception("a fault"); });
        profile.Set(State.Offline, true);
        Library.CallbackFailed -= failed;
        Equal(State.Offline, profile.State);
    }

    void AnExceptionOfACallbackGoesNoFurther()
    {
        Action<Exception> failed = error => log.Add(error.Message);
        Library.CallbackFailed += failed;
        profile.Subscribe(change => { throw new Exception(change.Phase.ToString()); });
        profile.Set(State.Offline, true);
        Library.CallbackFailed -= failed;
        Equal("Start, Change, Done", TakeLog());
        Equal(State.Offline, profile.State);
    }

    void Threads()
    {
        var failures = new List<Exception>();
        int phases = 0;
        profile.Subscribe(change => Interlocked.Increment(ref phases));
        var threads = Enumerable.Range(0, 8).Select(index => new Thread(() =>
        {
            try
            {
                for (int round = 0; round < 100; round++)
                {
                    using (Profile own = Profile.Open(name))
                    using (own.Subscribe(change => { }))
                    {
                        string error = NameOf(() => own.Set(round % 2 == 0 ? State.Offline : State.Online, true));
                        if (error != "none" && error != "E_PENDING")
                        {
                            throw new Exception(error);
                        }
                    }
                }
            }
            catch (Exception error)
            {
                lock (failures)
                {
                    failures.Add(error);
                }
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        if (failures.Count > 0)
        {
            throw failures[0];
        }
        Equal(true, phases > 0 && phases % 3 == 0);
    }

    void Pump()
    {
        Library.UsePump(true);
        try
        {
            int thread = 0;
            profile.Subscribe(change => thread = Thread.CurrentThread.ManagedThreadId);
            profile.Set(State.Offline);
            Equal(State.Online, profile.State);
            Equal(1u, Library.Pump(1000));
            Equal(Thread.CurrentThread.ManagedThreadId, thread);
            Equal(0u, Library.Pump());
        }
        finally
        {
            Library.UsePump(false);
        }
    }

    void Release()
    {
        uint before = Library.LiveObjects;
        Profile other = Profile.Open(name + " other");
        other.Subscribe(Log);
        Equal(before + 1, Library.LiveObjects);
        other.Dispose();
        other.Dispose();
        Equal(before, Library.LiveObjects);
        // What is not disposed is released when it is collected.
        Forget();
        for (int round = 0; round < 50 && Library.LiveObjects != before; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(10);
        }
        Equal(before, Library.LiveObjects);
    }

    void Forget()
    {
        var thread = new Thread(() => Profile.Open(name + " forgotten").Set(State.Offline, true));
        thread.Start();
        thread.Join();
    }

    static int Main()
    {
        int passed = 0, failed = 0;
        var methods = typeof(Tests).GetMethods(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly);
        foreach (MethodInfo method in methods)
        {
            string[] helpers = { "Log", "TakeLog", "Forget" };
            if (method.ReturnType != typeof(void) || method.Name.StartsWith("<") || helpers.Contains(method.Name))
            {
                continue;
            }
            using (var test = new Tests())
            {
                try
                {
                    method.Invoke(test, null);
                    passed++;
                }
                catch (TargetInvocationException error)
                {
                    failed++;
                    Console.WriteLine("FAILED " + method.Name + ": " + error.InnerException);
                }
            }
        }
        Console.WriteLine(passed + " passed, " + failed + " failed");
        return failed == 0 && passed == 13 ? 0 : 1;
    }
}
