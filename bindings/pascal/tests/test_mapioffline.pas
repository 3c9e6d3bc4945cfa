{ The list of tests that every binding has: open, state, subscribe, phases, errors, re-entrancy, threads, release. }
program test_mapioffline;

{$mode delphi}

uses
  {$ifdef UNIX}cthreads,{$endif}
  SysUtils, Classes, mapioffline;

type
  { The names of published methods are known when it runs. }
  {$M+}
  TTest = class
  private
    FLog: TStringList;
    FProfile: TMapiProfile;
    FToken: Cardinal;
    FThread: TThreadID;
    procedure Note(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
    procedure AskAgain(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
    procedure EndOwn(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
    procedure TakeTime(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
    procedure Fail(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
    procedure CountException(Sender: TObject);
    procedure RaiseAgain(Sender: TObject);
  published
    procedure Open;
    procedure State;
    procedure SubscribeGivesAllPhasesInOrder;
    procedure ErrorsByName;
    procedure Reentrancy;
    procedure ACallbackMayEndItsOwnRegistration;
    procedure AnExceptionGoesNoFurther;
    procedure AHandlerThatRaisesGoesNoFurther;
    procedure FreeWaitsForAnEventOnAnotherThread;
    procedure NamesAreBytesOfUtf8;
    procedure CreateWithCapabilities;
    procedure Threads;
    procedure Pump;
    procedure Release;
    procedure OldClientsUseTheInterfaces;
  end;

  TWorker = class(TThread)
  public
    Name: string;
    Failure: string;
    procedure Execute; override;
  end;

const
  PHASES: array[TMapiPhase] of string = ('start', 'change', 'done');
  STATES: array[TMapiState] of string = ('offline', 'online');

var
  Handled: Integer = 0;

procedure Expect(Condition: Boolean; const What: string);
begin
  if not Condition then
    raise Exception.Create(What);
end;

procedure TTest.CountException(Sender: TObject);
begin
  Inc(Handled);
end;

procedure TTest.Note(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
begin
  FThread := GetCurrentThreadId;
  FLog.Add(PHASES[Phase] + ' ' + STATES[OldState] + ' ' + STATES[NewState] + ' in ' + STATES[Sender.State]);
end;

procedure TTest.AskAgain(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
begin
  if NewState = msOnline then
    Exit;
  try
    Sender.SetState(msOnline, True);
    FLog.Add('accepted');
  except
    on E: EMapiOffline do
      FLog.Add(E.Name);
  end;
  if Phase = mpDone then
    Sender.SetState(msOnline);
end;

procedure TTest.EndOwn(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
begin
  FLog.Add(PHASES[Phase]);
  Sender.Unsubscribe(FToken);
end;

procedure TTest.RaiseAgain(Sender: TObject);
begin
  raise Exception.Create('a fault of the handler');
end;

procedure TTest.TakeTime(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
begin
  FLog.Add('begins');
  Sleep(20);
  { The object is there as long as this runs. }
  FLog.Add(STATES[Sender.State]);
end;

procedure TTest.Fail(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState);
begin
  raise Exception.Create('a fault of the client');
end;

procedure TTest.Open;
var
  Same: TMapiProfile;
begin
  Same := TMapiProfile.Create(UpperCase(FProfile.Name));
  try
    FProfile.SetState(msOffline, True);
    Expect(Same.State = msOffline, 'another spelling is another object');
    Expect(MapiOfflineVersionString = '0.1.0', 'version');
  finally
    Same.Free;
  end;
end;

procedure TTest.State;
begin
  Expect(FProfile.State = msOnline, 'not online');
  FProfile.SetState(msOffline);
  MapiWaitFor(FProfile.Name, msOffline);
  Expect(FProfile.State = msOffline, 'not offline');
end;

procedure TTest.SubscribeGivesAllPhasesInOrder;
var
  Wait: Boolean;
begin
  FToken := FProfile.Subscribe(Note);
  for Wait := False to True do
  begin
    FLog.Clear;
    FProfile.SetState(msOffline, Wait);
    MapiWaitFor(FProfile.Name, msOffline);
    Expect(FLog.CommaText = '"start online offline in online","change online offline in offline","done online offline in offline"',
      FLog.CommaText);
    FProfile.SetState(msOnline, True);
  end;
  FProfile.Unsubscribe(FToken);
  FProfile.Unsubscribe(FToken);
  FLog.Clear;
  FProfile.SetState(msOffline, True);
  Expect(FLog.Count = 0, 'called after Unsubscribe');
end;

procedure TTest.ErrorsByName;

  function NameOf(const Profile: string): string;
  begin
    Result := 'none';
    try
      TMapiProfile.Create(Profile).Free;
    except
      on E: EMapiOffline do
        Result := E.Name;
    end;
  end;

begin
  Expect(NameOf('') = 'E_INVALIDARG', 'an empty name');
  Expect(NameOf(StringOfChar('x', 65)) = 'MAPI_E_NOT_FOUND', 'a long name');
  try
    MapiWaitFor(FProfile.Name, msOffline, 0);
    Expect(False, 'it is not offline');
  except
    on E: EMapiOffline do
      Expect((E.Name = 'MAPI_E_TIMEOUT') and (Pos('MAPI_E_TIMEOUT', E.Message) > 0), E.Message);
  end;
end;

procedure TTest.Reentrancy;
begin
  FToken := FProfile.Subscribe(AskAgain);
  FProfile.SetState(msOffline, True);
  MapiWaitFor(FProfile.Name, msOnline);
  Expect(FLog.CommaText = 'E_PENDING,E_PENDING,E_PENDING', FLog.CommaText);
end;

procedure TTest.ACallbackMayEndItsOwnRegistration;
begin
  FToken := FProfile.Subscribe(EndOwn);
  FProfile.SetState(msOffline, True);
  Expect(FLog.CommaText = 'start', FLog.CommaText);
end;

procedure TTest.AnExceptionGoesNoFurther;
begin
  Handled := 0;
  ApplicationHandleException := CountException;
  FToken := FProfile.Subscribe(Fail);
  FProfile.SetState(msOffline, True);
  Expect((Handled = 3) and (FProfile.State = msOffline), IntToStr(Handled));
  ApplicationHandleException := nil;
end;

procedure TTest.AHandlerThatRaisesGoesNoFurther;
begin
  ApplicationHandleException := RaiseAgain;
  FToken := FProfile.Subscribe(Fail);
  FProfile.SetState(msOffline, True);
  Expect(FProfile.State = msOffline, 'the change did not go on');
  ApplicationHandleException := nil;
end;

procedure TTest.FreeWaitsForAnEventOnAnotherThread;
var
  Other: TMapiProfile;
  Round, Count: Integer;
begin
  for Round := 1 to 5 do
  begin
    FLog.Clear;
    Other := TMapiProfile.Create('Freed ' + IntToStr(Round));
    Other.Subscribe(TakeTime);
    Other.SetState(msOffline);
    while FLog.Count = 0 do
      Sleep(1);
    Other.Free;
    Count := FLog.Count;
    Expect(not Odd(Count), 'an event runs after Free');
    Sleep(50);
    Expect(FLog.Count = Count, 'an event began after Free');
  end;
end;

procedure TTest.NamesAreBytesOfUtf8;
const
  BYTES: AnsiString = #$C5#$BD'lu'#$C5#$A5;
var
  Profile: TMapiProfile;
  Manager: IMAPIOfflineMgr;
  Bits: Cardinal;
begin
  Profile := TMapiProfile.Create(BYTES);
  try
    Profile.SetState(msOffline, True);
    Bits := 0;
    Expect(MapiOfflineOpenUtf8(0, PAnsiChar(BYTES), @GUID_GlobalState, nil, Manager) = 0, 'open');
    Manager.GetCurrentState(Bits);
    Expect(Bits = MAPIOFFLINE_STATE_OFFLINE, 'another profile');
  finally
    Profile.Free;
  end;
end;

procedure TTest.CreateWithCapabilities;
var
  Info: TMapiCreateInfo;
  Manager: IMAPIOfflineMgr;
  Bits: Cardinal;
begin
  Expect((SizeOf(Info) = 8 + 8 * SizeOf(Pointer)) and (SizeOf(TMapiNotify) = 24), 'sizes');
  FillChar(Info, SizeOf(Info), 0);
  Info.ulSize := SizeOf(Info);
  Info.ulCapabilities := MAPIOFFLINE_CAPABILITY_OFFLINE;
  Info.pGUID := @GUID_GlobalState;
  Expect(MapiOfflineCreateUtf8(0, Info, 'Created', Manager) = 0, 'create');
  Bits := 0;
  Expect((Manager.GetCapabilities(Bits) = 0) and (Bits = MAPIOFFLINE_CAPABILITY_OFFLINE), 'capabilities');
end;

procedure TWorker.Execute;
var
  Round: Integer;
  Profile: TMapiProfile;
begin
  try
    for Round := 1 to 200 do
    begin
      Profile := TMapiProfile.Create(Name);
      try
        try
          Profile.SetState(TMapiState(Round mod 2), True);
        except
          on E: EMapiOffline do
            Expect(E.Name = 'E_PENDING', E.Message);
        end;
      finally
        Profile.Free;
      end;
    end;
  except
    on E: Exception do
      Failure := E.Message;
  end;
end;

procedure TTest.Threads;
var
  Workers: array[0..7] of TWorker;
  Index: Integer;
begin
  FToken := FProfile.Subscribe(Note);
  for Index := 0 to High(Workers) do
  begin
    Workers[Index] := TWorker.Create(True);
    Workers[Index].Name := FProfile.Name;
    Workers[Index].Start;
  end;
  for Index := 0 to High(Workers) do
  begin
    Workers[Index].WaitFor;
    Expect(Workers[Index].Failure = '', Workers[Index].Failure);
    Workers[Index].Free;
  end;
  Expect((FLog.Count > 0) and (FLog.Count mod 3 = 0), 'changes that are not whole');
end;

procedure TTest.Pump;
begin
  MapiUsePump;
  try
    FToken := FProfile.Subscribe(Note);
    FProfile.SetState(msOffline);
    Expect((FLog.Count = 0) and (FProfile.State = msOnline), 'it did not wait');
    Expect(MapiPump(1000) = 1, 'no change');
    Expect((FLog.Count = 3) and (FThread = GetCurrentThreadId), FLog.CommaText);
    Expect(MapiPump = 0, 'more than one change');
  finally
    MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_NOTIFIERS);
  end;
end;

procedure TTest.Release;
var
  Before: Cardinal;
  Profile: TMapiProfile;
begin
  Before := MapiOfflineLiveObjects;
  Profile := TMapiProfile.Create('Released');
  Profile.Subscribe(Note);
  Expect(MapiOfflineLiveObjects = Before + 1, 'not opened');
  Profile.SetState(msOffline, True);
  Profile.Free;
  Expect(MapiOfflineLiveObjects = Before, 'not released');
  Expect(FLog.Count = 3, FLog.CommaText);
end;

procedure TTest.OldClientsUseTheInterfaces;
var
  Manager: IMAPIOfflineMgr;
  Offline: IMAPIOffline;
  Bits: Cardinal;
begin
  Expect(MapiOfflineOpenUtf8(0, 'Old client', @GUID_GlobalState, nil, Manager) = 0, 'open');
  Expect(Supports(Manager, IMAPIOffline, Offline), 'QueryInterface');
  Bits := 0;
  Expect((Offline.GetCapabilities(Bits) = 0) and (Bits = 3), 'capabilities');
  Expect(MapiResultName(Offline.Placeholder1) = 'MAPI_E_NO_SUPPORT', 'a placeholder');
  Expect(MapiResultName(Manager.Placeholder8) = 'MAPI_E_NO_SUPPORT', 'the last slot');
  Expect(Manager.Unadvise(0, 0) = 0, 'Unadvise of 0');
end;

type
  TMethodOfTest = procedure of object;

var
  Passed: Integer = 0;
  Failed: Integer = 0;

procedure Run(const Name: string; Index: Integer);
var
  Test: TTest;
  Method: TMethod;
begin
  Test := TTest.Create;
  try
    Test.FLog := TStringList.Create;
    Test.FProfile := TMapiProfile.Create('Profile ' + IntToStr(Index) + ' ' + Name);
    try
      Method.Data := Test;
      Method.Code := TTest.MethodAddress(Name);
      TMethodOfTest(Method)();
      Inc(Passed);
    except
      on E: Exception do
      begin
        Inc(Failed);
        WriteLn('FAILED ', Name, ': ', E.Message);
      end;
    end;
  finally
    Test.FProfile.Free;
    Test.FLog.Free;
    Test.Free;
  end;
end;

const
  NAMES: array[0..14] of string = ('Open', 'State', 'SubscribeGivesAllPhasesInOrder', 'ErrorsByName', 'Reentrancy',
    'ACallbackMayEndItsOwnRegistration', 'AnExceptionGoesNoFurther', 'AHandlerThatRaisesGoesNoFurther',
    'FreeWaitsForAnEventOnAnotherThread', 'NamesAreBytesOfUtf8', 'CreateWithCapabilities', 'Threads', 'Pump', 'Release',
    'OldClientsUseTheInterfaces');

var
  Index: Integer;

begin
  for Index := 0 to High(NAMES) do
    Run(NAMES[Index], Index);
  WriteLn(Passed, ' passed, ', Failed, ' failed');
  if Failed > 0 then
    Halt(1);
end.
